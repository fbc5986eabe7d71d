"""What runs inside a child process, and the torch-free view of device and environment."""
