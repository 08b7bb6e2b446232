"""Which word of a known text each sound of a recording is: the cheapest path through the text (Viterbi, 1967).

Words follow one another. A word that was cut is mostly followed by itself, played again from its start; a word that is
complete is followed by the next. Whatever else may happen costs more than a sound that fits badly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Costs in the unit of a misfit: the log of how much more is left unexplained.
_LATE = 1.0  # the recording begins within the text
_NEXT_AFTER_CUT = 1.0  # the rest of a word was lost
_AGAIN_AFTER_END = 2.0  # a word that was complete is heard again
_BACK = 2.0  # the text goes on from a place before
_SKIP = 3.0  # words were lost
_WORST = 6.0  # a sound may be quite unlike its word: what is heard in sequence counts for more


def align(misfit: Float64, complete: Bools) -> list[int]:
    """The word that each sound is, as an index into the text.

    `misfit` tells how badly sound b fits word w, `complete` whether it is long enough to be all of it; both have shape
    (sounds, words), and neither is empty.
    """
    misfit = np.minimum(misfit, _WORST)
    words = misfit.shape[1]
    moves = _moves(words)
    here = np.arange(words)
    total: Float64 = misfit[0] + np.where(here == 0, 0.0, _LATE)
    came_from = []
    for b in range(1, len(misfit)):
        cut = ~complete[b - 1]
        cost = total[:, None] + moves
        cost[here, here] += np.where(cut, 0.0, _AGAIN_AFTER_END)
        cost[here[:-1], here[1:]] += np.where(cut, _NEXT_AFTER_CUT, 0.0)[:-1]
        came_from.append(cost.argmin(axis=0))
        total = cost.min(axis=0) + misfit[b]
    path = [int(total.argmin())]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1]]))
    return path[::-1]


def _moves(words: int) -> Float64:
    """What it costs to go from one word (row) to another (column), but for the word itself and the next."""
    ahead = np.arange(words)[None, :] - np.arange(words)[:, None]
    return np.select([ahead < 0, ahead > 1], [_BACK, _SKIP], 0.0)
