"""When exchanges trade: sessions, holidays and special hours, from a table that is shipped with the code."""
