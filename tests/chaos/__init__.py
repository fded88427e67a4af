"""Nothing lost, nothing half-published: workers are killed at every step, and the bucket is judged from outside."""
