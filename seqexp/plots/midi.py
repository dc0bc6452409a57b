"""Piano rolls as standard MIDI files (format 0), for any player."""

import numpy as np

LOWEST = 21  # MIDI note of the first key
TICKS = 2  # a quarter note
TEMPO = 500_000  # microseconds a quarter note: 120 a minute
LOUDNESS = 80  # of 127


def midi_file(roll: np.ndarray) -> bytes:
    """roll (T, 88) bool, a frame a quarter note; a key that stays on is one long note."""
    ends = np.zeros((1, roll.shape[1]), np.int8)
    change = np.diff(np.concatenate([ends, roll.astype(np.int8), ends]), axis=0)  # (T + 1, 88)
    events, last = bytearray(b"\x00\xff\x51\x03" + TEMPO.to_bytes(3, "big")), 0
    for frame, row in enumerate(change):
        for kind, status in ((-1, 0x80), (1, 0x90)):  # notes end before others begin
            for key in np.flatnonzero(row == kind):
                events += _length((frame - last) * TICKS) + bytes((status, LOWEST + int(key), LOUDNESS))
                last = frame
    events += _length((len(roll) - last) * TICKS) + b"\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4, "big") + b"".join(n.to_bytes(2, "big") for n in (0, 1, TICKS))
    return header + b"MTrk" + len(events).to_bytes(4, "big") + bytes(events)


def _length(ticks: int) -> bytes:
    """A number in MIDI's variable length: groups of seven bits, all but the last with the high bit set."""
    groups = [ticks & 0x7F]
    while ticks := ticks >> 7:
        groups.append(ticks & 0x7F | 0x80)
    return bytes(reversed(groups))
