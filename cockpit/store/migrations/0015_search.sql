-- Searching reads no sealed detail: each index by a value holds all clear columns in the chain's order, so that of
-- several wanted values the rarest leads and the others are told apart where it lies.
DROP INDEX audit_clear;
DROP INDEX audit_client;
DROP INDEX audit_tool;
DROP INDEX audit_code;
DROP INDEX audit_symbol;
DROP INDEX audit_kind;
DROP INDEX audit_outcome;
CREATE INDEX audit_clear ON audit (number, at, kind);
CREATE INDEX audit_kind ON audit (kind, number, at, client, tool, outcome, code, symbol, order_id) WHERE kind <> 'call';
CREATE INDEX audit_client ON audit (client, number, at, kind, tool, outcome, code, symbol, order_id);
CREATE INDEX audit_tool ON audit (tool, number, at, kind, client, outcome, code, symbol, order_id);
CREATE INDEX audit_outcome ON audit (outcome, number, at, kind, client, tool, code, symbol, order_id);
CREATE INDEX audit_code ON audit (code, number, at, kind, client, tool, outcome, symbol, order_id) WHERE code <> '';
CREATE INDEX audit_symbol ON audit (symbol, number, at, kind, client, tool, outcome, code, order_id) WHERE symbol <> '';
