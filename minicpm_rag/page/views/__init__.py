"""What a person sees: one module for each view, and one for each part of it."""
