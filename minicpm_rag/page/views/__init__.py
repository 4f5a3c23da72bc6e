"""What a user sees: one module for each view, and one for each part of a view."""
