"""The control room: sees the operated system only through the boundary, and keeps the watch over it."""
