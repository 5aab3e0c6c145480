import pytest
from cupy_on_host import CupyOnHost

from hm2bp_brian.engines.cuda import card as card_module
from hm2bp_brian.engines.cuda.card import Card


@pytest.fixture(params=[False, True], ids=["rising", "falling"])
def either_order(request) -> Card:
    """A card whose threads take turns in one order, and in the other."""
    return Card(CupyOnHost(falling=request.param))


@pytest.fixture
def card() -> Card:
    return Card(CupyOnHost())


@pytest.fixture
def found_card(card, monkeypatch) -> Card:
    """The card is what ``device="cuda"`` finds."""
    monkeypatch.setattr(card_module, "find_card", lambda: card)
    return card
