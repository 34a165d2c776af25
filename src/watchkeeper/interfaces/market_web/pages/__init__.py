"""The market's pages: plain forms, rendered on the server, for any phone and without scripts."""

from __future__ import annotations

from fastapi import APIRouter

from watchkeeper.interfaces.market_web.pages import (
    accounts,
    admin,
    admin_goods,
    buyer,
    compared,
    everyone,
    farmer,
    log,
    operator,
    sign_in,
    statement,
    trader,
)
from watchkeeper.interfaces.market_web.pages.routing import add, add_file

router = APIRouter(include_in_schema=False)
sign_in.add_to(router)
for _page in (
    *everyone.PAGES,
    *farmer.PAGES,
    *trader.PAGES,
    *buyer.PAGES,
    *admin.PAGES,
    *admin_goods.PAGES,
    *compared.PAGES,
    *accounts.PAGES,
    *log.PAGES,
    *statement.PAGES,
    *operator.PAGES,
):
    add(router, _page)
add_file(router, "/statement.csv", statement.ROLES, statement.table)
