"""What the org holds: its objects and fields, its records, its seed data, and what each profile may see of them."""
