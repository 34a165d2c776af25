"""Pay-to-lock: a trader pays for a unit, and the farmer has six hours to deliver it."""
