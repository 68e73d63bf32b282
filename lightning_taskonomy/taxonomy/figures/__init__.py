"""Pictures of taxonomies and of the evidence for them: matplotlib figures, drawn without a display."""
