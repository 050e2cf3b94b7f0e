"""The console's pages, one module for each thing people come for."""

from __future__ import annotations

from fastapi import APIRouter

from console.pages import (
    access,
    accounts,
    children,
    corrections,
    dashboard,
    findings,
    products,
    returns,
    runs,
    second_factor,
    sign_in,
    trends,
    work,
    workbook,
)

PAGES: tuple[APIRouter, ...] = (
    sign_in.router,
    second_factor.router,
    work.router,
    findings.router,
    children.router,
    corrections.router,
    workbook.router,
    products.router,
    runs.router,
    trends.router,
    dashboard.router,
    returns.router,
    accounts.router,
    access.router,
)
