"""Generated series are what their docstrings say."""

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from seqexp.data.generated import clocked, waves


class Calm:
    """A generator that draws zeros."""

    def standard_normal(self, size):
        return np.zeros(size)


CALM: Any = Calm()


def test_mackey_glass_solves_its_equation(monkeypatch):
    """From a constant start: for a while the late value is 1.2, and then it is what was solved before."""
    monkeypatch.setattr(clocked, "FORGOTTEN", 0)
    tau, t = 17, 1 / clocked.SUBSTEPS + np.arange(34)
    found = clocked.mackey_glass(CALM, len(t), tau)

    def pull(late):
        return 0.2 * late / (1 + late**10)

    def first(t):
        return 10 * pull(1.2) + (1.2 - 10 * pull(1.2)) * np.exp(-0.1 * t)

    np.testing.assert_allclose(found[:17], first(t[:17]), rtol=1e-5)
    later = solve_ivp(
        lambda t, x: pull(first(t - tau)) - 0.1 * x, (tau, 40), [first(tau)], t_eval=t[17:], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(found[17:], later.y[0], rtol=1e-4)


def test_what_is_given_of_mackey_glass_has_forgotten_its_start():
    one, other = (clocked.mackey_glass(np.random.default_rng(seed), 50, 1) for seed in (0, 1))
    np.testing.assert_allclose(one, other, rtol=1e-6)
    np.testing.assert_allclose(one, 1, rtol=1e-6)  # where 0.2 / (1 + x^10) is 0.1; without a long lag it rests there


def test_a_season_has_two_peaks_a_drift_and_noise_that_half_remembers_itself():
    length = 10 * clocked.PERIOD
    calm = clocked.seasonal(CALM, length)
    season = calm - 100 - 0.002 * np.arange(length)
    found = np.fft.rfft(season) / (length / 2)
    assert np.abs(found[[10, 20]]) == pytest.approx([10, 5])
    assert np.angle(found[[10, 20]]) == pytest.approx([-np.pi / 2, 1 - np.pi / 2])  # two sines
    assert np.abs(np.delete(found, [10, 20])).max() < 1e-9
    noise = clocked.seasonal(np.random.default_rng(0), length) - calm
    shocks = 2 * np.random.default_rng(0).standard_normal(length)
    assert noise[0] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(noise[1:] - 0.5 * noise[:-1], shocks[1:], atol=1e-9)


def test_below_the_events_of_waves_are_a_rhythm_of_8_to_16_steps_and_noise_at_every_step(monkeypatch):
    monkeypatch.setattr(waves, "EVENT", np.zeros(7))
    series, _ = waves.waves(np.random.default_rng(0), 800)
    power = np.mean([np.abs(np.fft.rfft(one[:40, 0])) ** 2 / 40 for one in series], axis=0)
    frequency = np.fft.rfftfreq(40)
    assert power[frequency > 0.35].mean() == pytest.approx(waves.NOISE**2, rel=0.1), "as much as of noise alone"
    inside = (frequency >= 1 / 16 - 1 / 40) & (frequency <= 1 / 8 + 1 / 40)  # and a bin beside, as 40 steps are few
    rhythm = power - waves.NOISE**2
    assert rhythm[inside].sum() > 0.9 * rhythm.sum()
    assert np.mean([one.var() for one in series]) == pytest.approx(0.5**2 / 2 + waves.NOISE**2, rel=0.05)
