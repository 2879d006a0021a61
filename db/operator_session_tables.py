"""The rows of who is signed in at the dashboard."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class OperatorSession(Base):
    """A browser that signed in with an operator's key; its cookie is kept as a hash alone."""

    __tablename__ = "operator_sessions"

    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]

    __table_args__ = (Index("ix_operator_sessions_expiry", "expires_at"),)
