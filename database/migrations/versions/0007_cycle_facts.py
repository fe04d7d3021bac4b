"""What a cycle's decisions are made on, in columns with types instead of texts in ``metadata``.

Old rows keep their ``metadata`` for whoever reads it; nothing new is written there.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXTS = ("correlation_id", "consensus_id", "pocket", "exit_intent_id")
NUMBERS = {
    "reference_price": "NUMERIC(28, 12) CHECK (reference_price > 0)",
    "levels_at": "NUMERIC(28, 12) CHECK (levels_at > 0)",
    "sell_at_most": "NUMERIC(36, 12) CHECK (sell_at_most >= 0)",
}


def upgrade() -> None:
    columns = [f"ADD COLUMN {name} TEXT NOT NULL DEFAULT ''" for name in TEXTS]
    columns += [f"ADD COLUMN {name} {kind}" for name, kind in NUMBERS.items()]
    columns += [
        "ADD COLUMN reserved NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (reserved >= 0)",
        "ADD COLUMN resting BOOLEAN NOT NULL DEFAULT FALSE",
    ]
    op.execute(f"ALTER TABLE trade_cycles {', '.join(columns)}")
    known = [f"{name} = coalesce(metadata ->> '{name}', '')" for name in TEXTS]
    known += [f"{name} = (metadata ->> '{name}')::numeric" for name in NUMBERS]
    known += [
        "reserved = coalesce((metadata ->> 'reserved')::numeric, 0)",
        "resting = coalesce((metadata ->> 'resting')::boolean, FALSE)",
    ]
    op.execute(f"UPDATE trade_cycles SET {', '.join(known)} WHERE metadata <> '{{}}'")


def downgrade() -> None:
    texts = [f"'{name}', nullif({name}, '')" for name in TEXTS]
    numbers = [f"'{name}', {name}::text" for name in (*NUMBERS, "reserved")]
    resting = "'resting', CASE WHEN resting THEN 'true' END"
    facts = f"jsonb_strip_nulls(jsonb_build_object({', '.join([*texts, *numbers, resting])}))"
    op.execute(f"UPDATE trade_cycles SET metadata = metadata || {facts}")
    names = (*TEXTS, *NUMBERS, "reserved", "resting")
    op.execute(f"ALTER TABLE trade_cycles {', '.join(f'DROP COLUMN {name}' for name in names)}")
