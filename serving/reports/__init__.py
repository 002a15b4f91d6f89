"""What the server tells about itself: models, state, metrics, contract."""
