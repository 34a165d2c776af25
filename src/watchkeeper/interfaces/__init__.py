"""The thin outer layer: the market's API and pages, the control room's page, the command line."""
