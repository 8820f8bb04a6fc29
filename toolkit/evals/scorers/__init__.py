"""What code says of traces: scorers made of plain functions, and checks made to order."""
