"""Clips of a draft before it is published, within the daily allowance that publishers set.

They are played on the pages of texts and journeys (staff/clip_status.py), and as a whole in preview.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from narratives.admin.lookups import narratives_of, page_of
from narratives.editing.allowance import DraftInOneVoice, make_within_allowance
from narratives.models import DraftAllowance, Journey, Narrative
from ttscache.staff.pages import StaffAdmin, is_confirmed
from ttscache.staff.wording import being_made_in_words, price


@dataclass(frozen=True, slots=True)
class HearingOffer:
    """The line on a page that offers to make its draft heard, or says why that cannot be."""

    draft: DraftInOneVoice
    allowance: DraftAllowance
    left_usd: float
    address: str

    @classmethod
    def of(cls, thing: Journey | Narrative) -> HearingOffer:
        allowance = DraftAllowance.current()
        address = reverse(f"admin:narratives_{thing._meta.model_name}_hear", args=[thing.pk])
        return cls(DraftInOneVoice.of(narratives_of(thing)), allowance, allowance.left_usd, address)

    @property
    def refusal(self) -> str:
        """Why nothing can be made now; empty if it can."""
        draft = self.draft
        if not draft.voice:
            return "No voice can speak new words today. A publisher chooses another on the page Voices."
        if not draft.planned.missing and draft.under_way:
            return "The audio of your draft is being made."
        if not draft.planned.missing:
            return f"You can hear your draft: its clips in {draft.voice} are ready."
        if self.allowance.is_off:
            return "Drafts can be heard once they are published. A publisher can allow it before."
        if draft.planned.cost_usd > self.left_usd + 1e-9:
            return (
                f"Too little of today's allowance for hearing drafts is left: this needs {self.price}, and "
                f"{self.left} is left. There is more from midnight UTC, or a publisher can raise it."
            )
        return ""

    @property
    def label(self) -> str:
        number = len(self.draft.planned.missing)
        clips = "1 clip" if number == 1 else f"{number:,} clips"
        return f"Hear my draft: {clips}, {self.price}, {self.left} of today's allowance left"

    @property
    def price(self) -> str:
        return price(self.draft.planned.cost_usd)

    @property
    def left(self) -> str:
        return f"${self.left_usd:,.3f}"


def may_hear_within_allowance(pages: StaffAdmin, request: HttpRequest, thing: Journey | Narrative) -> bool:
    """Whether this person writes texts and may make no clips, so that the allowance is for them."""
    may_write = request.user.has_perm("narratives.change_narrative")
    may_write = may_write and pages.has_change_permission(request, thing)
    return may_write and not pages.has_make_permission(request)


def hear_draft_view(pages: StaffAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Make the missing clips of the saved draft in one voice, after a question with their price."""
    thing: Journey | Narrative = pages.get_or_404(request, object_id)
    if not may_hear_within_allowance(pages, request, thing):
        raise PermissionDenied
    offer = HearingOffer.of(thing)
    planned, back = offer.draft.planned, page_of(thing)
    if offer.refusal:
        pages.message_user(request, offer.refusal, messages.WARNING)
        return redirect(back)
    if not is_confirmed(request, planned):
        more = f"It comes out of today's allowance for hearing drafts, of which {offer.left} is left."
        question = {"title": f"Hear my draft: {thing}", "verb": "Make them", "more": more}
        return pages.ask_to_make(request, planned, back=back, **question)
    # Somebody else may take the last money between the look above and this moment.
    if not make_within_allowance(offer.draft, requested_by=request.user.get_username()):
        says = "Somebody else has used up today's allowance meanwhile. Nothing was made."
        pages.message_user(request, says, messages.WARNING)
        return redirect(back)
    says = f"Heard the draft in {offer.draft.voice}. {being_made_in_words(planned)}"
    pages.log_change(request, thing, says)
    pages.message_user(request, being_made_in_words(planned), messages.SUCCESS)
    return redirect(back)


# --- the allowance --------------------------------------------------------------------------------------
class AllowanceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = DraftAllowance
        fields = ("usd_a_day",)
        widgets: Any = {"usd_a_day": UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})}  # noqa: RUF012


@action(description="Allowance for drafts", url_path="allowance", permissions=["publish"])  # type: ignore[untyped-decorator]
def set_allowance(pages: StaffAdmin, request: HttpRequest) -> HttpResponse:
    """Let a publisher set what editors may spend in a day on hearing their drafts."""
    form = AllowanceForm(request.POST or None, instance=DraftAllowance.current())
    journeys = reverse("admin:narratives_journey_changelist")
    if request.method == "POST" and form.is_valid():
        saved: DraftAllowance = form.save()
        says = (
            "Editors cannot hear drafts before they are published."
            if saved.is_off
            else f"Editors may spend ${saved.usd_a_day:,.3f} a day (UTC) on hearing their drafts."
        )
        pages.log_and_tell(request, saved, says)
        return redirect(journeys)
    template, title = "admin/narratives/allowance.html", "Allowance for drafts"
    left = f"${DraftAllowance.current().left_usd:,.3f}"  # the form may hold a refused amount
    return pages.show(request, template, title=title, form=form, left=left, back=journeys)
