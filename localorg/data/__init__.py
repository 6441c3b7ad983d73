"""What the org holds: records, jobs, snapshots, demo data, and what each user may see and change."""
