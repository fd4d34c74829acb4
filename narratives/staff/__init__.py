"""How texts stand, for staff pages."""
