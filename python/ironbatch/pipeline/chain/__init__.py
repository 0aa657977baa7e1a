"""What users write: steps, declarations, and how a chain shows itself."""
