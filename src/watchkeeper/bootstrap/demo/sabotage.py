"""Three lines to paste into sqlite3 or psql, each a way to wrong somebody, made for the accounts of this very market."""

from __future__ import annotations

from watchkeeper.base.database import Engine
from watchkeeper.base.utid import base36


def added(trader: str) -> str:
    """A deposit that no command wrote: right numbers, made-up origin. Stops that trader, nobody else."""
    utid = f"20261124-120000-tra-{base36(6)}"
    owner = f"(SELECT id FROM users WHERE alias='{trader}')"
    return (
        "INSERT INTO wallet_ledger (id,utid,trader_id,number,type,amount_ugx,capital_after,locked_after,profit_after,"
        f"provider,external_ref,at) SELECT (SELECT max(id)+1 FROM wallet_ledger),'{utid}',trader_id,number+1,"
        "'capital_deposit',500000,capital_after+500000,locked_after,profit_after,"
        f"'mtn','FOUND-{base36(6)}',at FROM wallet_ledger WHERE trader_id={owner} "
        f"AND number=(SELECT max(number) FROM wallet_ledger WHERE trader_id={owner});"
    )


def edited(trader: str, engine: Engine = "sqlite") -> str:
    """An amount made larger after the fact, past its trigger. Stops all wallets."""
    return (
        f"{_past('wallet_ledger', 'update', engine)} UPDATE wallet_ledger SET amount_ugx=amount_ugx+90000 "
        f"WHERE id=(SELECT min(id) FROM wallet_ledger WHERE trader_id=(SELECT id FROM users WHERE alias='{trader}'));"
    )


def deleted(trader: str, engine: Engine = "sqlite") -> str:
    """An entry that is gone, past its trigger. Stops all wallets."""
    return (
        f"{_past('wallet_ledger', 'delete', engine)} "
        "DELETE FROM wallet_ledger WHERE id=(SELECT max(id) FROM wallet_ledger "
        f"WHERE type='capital_lock' AND trader_id=(SELECT id FROM users WHERE alias='{trader}'));"
    )


def _past(table: str, act: str, engine: Engine) -> str:
    if engine == "postgresql":
        return f"ALTER TABLE {table} DISABLE TRIGGER USER;"
    return f"DROP TRIGGER {table}_refuses_{act};"
