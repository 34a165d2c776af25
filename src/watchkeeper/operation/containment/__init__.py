"""Containment: the smallest restriction that suffices, in force before anything is told, lifted by a person."""
