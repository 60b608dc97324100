"""Which accounts the caller's connection has, and what kind of account each is."""

from __future__ import annotations

from cockpit.desk.connections import Connection
from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.text import safe
from tools.account import AccountArguments, check_account
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import iso


class AccountsArguments(Arguments):
    """Nothing to say."""


class AccountRow(Result):
    """One account."""

    account: str
    connection: str
    broker: str
    mode: str
    """paper or live, as the account itself says."""
    simulated: bool
    link: str
    """Whether the broker can be reached now."""

    @classmethod
    def of(cls, connection: Connection) -> AccountRow:
        """Write a connection's account."""
        status = connection.broker.status()
        return cls(
            account=status.account,
            connection=connection.name,
            broker=status.kind,
            mode=status.mode,
            simulated=status.simulated,
            link=status.link,
        )


class AccountsResult(Result):
    """The accounts that the caller may name."""

    accounts: list[AccountRow]
    says: str


@tool(
    "list_accounts",
    scope=Scope.READ_ACCOUNT,
    title="Accounts",
    arguments=AccountsArguments,
    result=AccountsResult,
    toolset=Toolset.ORDERS,
)
async def list_accounts(call: Call, asked: AccountsArguments) -> Served[AccountsResult]:
    """The accounts that you may name as `account`: those of the connection that the operator bound you to. Accounts of
    other connections are not shown; only the operator can bind you to another.
    """
    rows = [AccountRow.of(call.connection)]
    says = f"You are bound to the connection {call.connection.name}; leave `account` out to use its account."
    return Served(AccountsResult(accounts=rows, says=says), summary=safe(f"{len(rows)} accounts"))


class AccountResult(Result):
    """One account, and what may be done on it."""

    account: str
    connection: str
    broker: str
    mode: str
    simulated: bool
    currency: str
    """Its base currency."""
    link: str
    link_since: str
    may_trade: bool
    """Whether you may place orders on it now."""
    may_sell_short: bool
    order_types: list[str]
    times_in_force: list[str]
    offers: list[str]
    """What the broker has besides prices and orders."""
    as_of: str


@tool(
    "get_account",
    scope=Scope.READ_ACCOUNT,
    title="Account",
    arguments=AccountArguments,
    result=AccountResult,
    toolset=Toolset.ORDERS,
)
async def get_account(call: Call, asked: AccountArguments) -> Served[AccountResult]:
    """What kind of account it is: broker, paper or live, base currency, whether you may trade and sell short on it, the
    order types and times in force that the broker takes, and what else it offers. Money is in get_balances.
    """
    check_account(call, asked.account)
    connection = call.connection
    broker, status = connection.broker, connection.broker.status()
    balances = await connection.ask(broker.balances())
    policy, _ = call.orders.limits_of(call.admitted)
    result = AccountResult(
        account=status.account,
        connection=connection.name,
        broker=status.kind,
        mode=status.mode,
        simulated=status.simulated,
        currency=balances.currency,
        link=status.link,
        link_since=iso(status.since) or "",
        may_trade=connection.settings.trade and Scope.WRITE_ORDERS in call.admitted.scopes,
        may_sell_short=policy.allow_short and broker.can.short_selling,
        order_types=sorted(policy.order_types & broker.can.order_types),
        times_in_force=sorted(broker.can.times_in_force),
        offers=sorted(broker.can.features),
        as_of=iso(balances.as_of) or "",
    )
    return Served(result, summary=safe(f"{result.account} {result.mode} {result.currency}"))
