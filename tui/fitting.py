"""What makes sense here: which acts fit the thing that the keys act on, in the place where it stands."""

from __future__ import annotations

from cockpit.model.latches import Latch
from cockpit.model.orders import OPEN, Order, OrderState
from cockpit.operator.act import Act, When
from cockpit.operator.view import ClientView, HeldPosition, PendingClient, PendingOrder, is_from_here
from tui.client_form import ClientForm
from tui.screen_acts import APPLY, CHOOSE_SCOPES, NAME
from tui.state import Place, ScreenState, Target


def fits(act: Act, target: Target | None, stopped: bool) -> bool:
    """Whether an act makes sense for what the keys act on."""
    match act.when:
        case When.ALWAYS:
            return True
        case When.WAITING_ORDER:
            return isinstance(target, PendingOrder) or (isinstance(target, Order) and target.waits)
        case When.WAITING_CLIENT:
            return isinstance(target, PendingClient | ClientForm)
        case When.CLIENT:
            return isinstance(target, ClientView)
        case When.OPEN_ORDER:
            return isinstance(target, Order) and is_from_here(target) and target.state in OPEN - {OrderState.PENDING}
        case When.UNKNOWN_ORDER:
            return isinstance(target, Order) and target.state is OrderState.UNKNOWN
        case When.POSITION:
            return isinstance(target, HeldPosition)
        case When.LATCH:
            return isinstance(target, Latch)
        case When.STOPPED:
            return stopped
        case When.COMMAND_LINE:
            return False


def fits_here(act: Act, state: ScreenState) -> bool:
    """Whether an act makes sense for what is at hand, in the place where it is shown."""
    target, place = state.target, state.place
    if not fits(act, target, state.stopped):
        return False
    if act is NAME:
        return isinstance(target, ClientForm)
    if act in (CHOOSE_SCOPES, APPLY):
        return place is (Place.SCOPES if act is APPLY else Place.CLIENTS)
    return True


def is_offered(act: Act, state: ScreenState) -> bool:
    """Whether an act may go on here; a screen that only looks offers none that changes anything."""
    return fits_here(act, state) and not (state.read_only and act.changes)
