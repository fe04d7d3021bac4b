"""``capital_pockets`` has the documented columns beside the older ones; none of them can say anything else.

What is available in a pocket is bounded by all pockets together: it is written with them.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SAME = {
    "pocket_type": ("VARCHAR(10)", "pocket"),
    "allocation_percent": ("NUMERIC(7, 4)", "share_percent"),
    "current_value": ("NUMERIC(36, 18)", "total"),
    "used_value": ("NUMERIC(36, 18)", "used"),
}


def upgrade() -> None:
    columns = [f"ADD COLUMN {name} {kind} GENERATED ALWAYS AS ({of}) STORED" for name, (kind, of) in SAME.items()]
    columns.append("ADD COLUMN available_value NUMERIC(36, 18) NOT NULL DEFAULT 0 CHECK (available_value >= 0)")
    op.execute(f"ALTER TABLE capital_pockets {', '.join(columns)}")
    op.execute(
        "UPDATE capital_pockets p SET available_value = greatest(0, least(p.total - p.reserved - p.used, o.room))"
        " FROM (SELECT sum(total - reserved - used) AS room FROM capital_pockets) o"
    )


def downgrade() -> None:
    op.execute(f"ALTER TABLE capital_pockets {', '.join(f'DROP COLUMN {name}' for name in (*SAME, 'available_value'))}")
