"""A small deployment: a library with members (their keys are whole numbers) and branches."""

from datetime import datetime

from slate import (
    Entity,
    FeatureView,
    Source,
    arrival_time,
    count,
    event_time,
    feature,
    key_of,
    last,
    last_n,
    max,
    mean,
    min,
    std,
    unique_id,
)


class Member(Entity):
    member_id: int


class Branch(Entity):
    branch_id: str


class MemberBranch(Entity):
    member_id: int = key_of(Member)
    branch_id: str = key_of(Branch)


class Loan(Source):
    model, landing = "stg_loans", "loans"
    loan_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    member_id: int
    branch_id: str
    kind: str
    days: float | None


class MemberProfile(FeatureView):
    """Every kind of value."""

    entity, model = Member, "member_profile"
    nickname: str
    reader: str = feature(default="adult", one_of=["child", "adult"])
    fines: float = feature(min=0, max=1000, null_share=0.25)
    distance: float
    books: int = feature(default=0, max=40)
    active: bool = feature(default=False)
    joined_at: datetime = feature(min=datetime(2020, 1, 1))


class MemberLoans(FeatureView):
    """Every aggregate."""

    entity, source = Member, Loan
    loans = count(over=["1h", "1d"])
    late = count(where=Loan.kind == "late", over="1d")
    least_days = min(Loan.days, over="1d")
    usual_days = mean(Loan.days, over="1d")
    most_days = max(Loan.days, over="1d")
    spread = std(Loan.days, over="1d")
    last_branch = last(Loan.branch_id)
    recent_branches = last_n(Loan.branch_id, 3)
    recent_days = last_n(Loan.days, 2)


class MemberBranchLoans(FeatureView):
    """A pair."""

    entity, source = MemberBranch, Loan
    loans = count(over=["1h", "1d"])
