"""Training: the LightningModules and the callbacks. Networks come from `nn`, labels from `data`."""
