"""Augmentation, against scipy's interpolation, exact shifts and turns, and what is known of its random numbers."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from hm2bp_brian.encoding import Augmentation, bernoulli_spikes, sample_keys
from hm2bp_brian.encoding.augmentation import affine_maps, affine_places, interpolated, shifted, smooth_noise
from hm2bp_brian.errors import ConfigurationError, ShapeError

FULL = Augmentation(shift=1, scale=0.12, rotation=12, elastic=3.4)


def blobs(n, side=28, n_channels=1):
    """Smooth bright spots near the centre, so that little leaves the image."""
    generator = np.random.default_rng(1)
    row, column = np.mgrid[:side, :side] - (side - 1) / 2
    centres = generator.uniform(-3, 3, size=(n, n_channels, 2))
    spots = [[np.exp(-((row - r) ** 2 / 18 + (column - c) ** 2 / 6)) for r, c in channels] for channels in centres]
    return np.rint(230 * np.moveaxis(np.array(spots), 1, -1)).astype(np.uint8)


def noise(n, shape=(28, 28, 1)):
    return np.random.default_rng(2).integers(0, 256, size=(n, *shape), dtype=np.uint8)


def only(n=1, shifts=(0, 0), factors=(1, 1), angle=0.0, shape=(28, 28)):
    """Places for n images that are all changed alike."""
    maps = affine_maps(shape, np.tile(shifts, (n, 1)), np.tile(factors, (n, 1)), np.full(n, angle))
    return affine_places(shape, maps)


def shift_slowly(image, down, right):
    height, width = image.shape[:2]
    result = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[row, column] = image[row - down, column - right]
    return result


def test_nothing_to_do_is_an_identical_copy():
    images = noise(5)
    result = Augmentation(shift=0)(images, 1, 2, np.arange(5))
    np.testing.assert_array_equal(result, images)
    assert not np.shares_memory(result, images)


def test_interpolation_at_the_pixels_themselves_is_exact():
    images = noise(4, (9, 7, 3))
    np.testing.assert_array_equal(interpolated(images, only(4, shape=(9, 7))), images)


@pytest.mark.parametrize("shifts", [(0, 0), (2, -3), (-1, 0), (0, 6), (9, 9)])
def test_shifts_are_exact_both_ways(shifts):
    images = noise(2, (9, 7, 2))
    expected = np.array([shift_slowly(image, *shifts) for image in images])
    np.testing.assert_array_equal(shifted(images, np.tile(shifts, (2, 1))), expected)
    np.testing.assert_array_equal(interpolated(images, only(2, shifts=shifts, shape=(9, 7))), expected)


def test_shifts_are_uniform_and_independent():
    images = np.zeros((4500, 9, 9, 1), np.uint8)
    images[:, 4, 4] = 200
    result = Augmentation(shift=2)(images, 7, 0, np.arange(4500))
    _, rows, columns, _ = np.nonzero(result)
    counts = np.zeros((9, 9), int)
    np.add.at(counts, (rows, columns), 1)
    assert counts[2:7, 2:7].sum() == 4500 and result.max() == 200
    assert (np.abs(counts[2:7, 2:7] - 180) < 4 * np.sqrt(180)).all()


def test_every_other_image_is_mirrored():
    images = noise(2000, (5, 7, 2))
    result = Augmentation(shift=0, flip=True)(images, 4, 1, np.arange(2000))
    mirrored = np.array([(found == image[:, ::-1]).all() for found, image in zip(result, images, strict=True)])
    assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)
    np.testing.assert_array_equal(result[~mirrored], images[~mirrored])


def test_mirroring_comes_first_and_changes_nothing_else():
    images = noise(40)
    plain = FULL(images, 4, 1, np.arange(40))
    mirror_images = FULL(images[:, :, ::-1], 4, 1, np.arange(40))
    result = dataclasses.replace(FULL, flip=True)(images, 4, 1, np.arange(40))
    mirrored = (result == mirror_images).all(axis=(1, 2, 3))
    assert 8 < mirrored.sum() < 32
    np.testing.assert_array_equal(result[~mirrored], plain[~mirrored])


def test_a_quarter_turn_is_counterclockwise():
    images = noise(3)
    np.testing.assert_array_equal(interpolated(images, only(3, angle=np.pi / 2)), np.rot90(images, axes=(1, 2)))
    np.testing.assert_array_equal(interpolated(images, only(3, angle=np.pi)), images[:, ::-1, ::-1])


def test_the_order_is_scale_then_turn_then_shift():
    image = np.zeros((1, 29, 29, 1), np.uint8)
    image[0, 14, 18] = (
        100  # 4 right of the centre; twice as wide: 8 right; a quarter turn: 8 up; shifted: 5 up, 2 right
    )
    places = only(shifts=(3, 2), factors=(1, 2), angle=np.pi / 2, shape=(29, 29))
    result = interpolated(image, places)[0, :, :, 0]
    assert np.unravel_index(result.argmax(), result.shape) == (9, 16)
    assert result[8:11, 16].tolist() == [50, 100, 50] and result.sum() == 200


def test_factors_stretch_height_and_width():
    image = np.zeros((1, 29, 29, 1), np.uint8)
    image[0, 11:18, 11:18] = 100
    result = interpolated(image, only(factors=(2, 1), shape=(29, 29)))[0, :, :, 0] == 100
    assert np.flatnonzero(result.any(axis=1)).tolist() == list(range(8, 21))
    assert np.flatnonzero(result.any(axis=0)).tolist() == list(range(11, 18))


def test_interpolation_agrees_with_scipy():
    images = noise(4, (11, 8, 2))
    places = np.random.default_rng(3).uniform(-4, 14, size=(4, 2, 11, 8)).astype(np.float32)
    expected = [
        [map_coordinates(image[..., c].astype(float), p, order=1, mode="grid-constant") for c in range(2)]
        for image, p in zip(images, places, strict=True)
    ]
    result = interpolated(images, places).astype(float)
    assert np.abs(result - np.moveaxis(np.array(expected), 1, -1)).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("augmentation", [Augmentation(2), FULL, Augmentation(0, elastic=5.0)])
def test_depends_on_seed_epoch_and_index_only(augmentation):
    images, indices = noise(300), np.arange(300) * 3
    whole = augmentation(images, 5, 2, indices)
    order = np.array([299, 0, 17, 17])
    np.testing.assert_array_equal(augmentation(images[order], 5, 2, indices[order]), whole[order])
    np.testing.assert_array_equal(augmentation(images, 5, 2, indices), whole)
    for other in (augmentation(images, 6, 2, indices), augmentation(images, 5, 3, indices)):
        assert (other != whole).any(axis=(1, 2, 3)).mean() > 0.9


def test_the_same_image_changes_differently_by_its_index():
    images = np.repeat(noise(1), 50, axis=0)
    assert len({image.tobytes() for image in FULL(images, 1, 1, np.arange(50))}) == 50


def moments(images):
    mass = images[..., 0].astype(float)
    row, column = np.mgrid[:28, :28] - 13.5
    total = mass.sum(axis=(1, 2))
    mean_row, mean_column = ((mass * x).sum(axis=(1, 2)) / total for x in (row, column))
    return total, np.hypot(mean_row, mean_column), np.arctan2(-mean_row, mean_column)


def off_centre(n):
    row, column = np.mgrid[:28, :28] - 13.5
    spot = np.rint(250 * np.exp(-(row**2 + (column - 7) ** 2) / 8)).astype(np.uint8)
    return np.repeat(spot[np.newaxis, :, :, np.newaxis], n, axis=0)


def test_rotation_is_uniform_up_to_its_limit():
    _, distances, angles = moments(Augmentation(0, rotation=40)(off_centre(500), 1, 0, np.arange(500)))
    np.testing.assert_allclose(distances, 7, atol=0.05)
    angles = np.rad2deg(angles)
    assert np.abs(angles).max() < 40.5
    assert [np.quantile(angles, q) for q in (0.02, 0.25, 0.5, 0.75, 0.98)] == pytest.approx(
        [-38, -20, 0, 20, 38], abs=5
    )


def test_scale_is_uniform_up_to_its_limit_and_changes_the_area():
    masses, distances, _ = moments(Augmentation(0, scale=0.2)(off_centre(500), 1, 0, np.arange(500)))
    assert 5.55 < distances.min() < 5.75 and 8.25 < distances.max() < 8.45
    assert distances.mean() == pytest.approx(7, abs=0.12)
    # height and width are scaled independently: their product is the change of mass
    widths = distances / 7
    heights = masses / moments(off_centre(1))[0] / widths
    assert heights.min() == pytest.approx(0.8, abs=0.02) and heights.max() == pytest.approx(1.2, abs=0.02)
    assert abs(np.corrcoef(widths, heights)[0, 1]) < 0.15


def test_mass_is_roughly_kept():
    images = blobs(300)
    ratios = moments(FULL(images, 3, 0, np.arange(300)))[0] / moments(images)[0]
    assert ratios.mean() == pytest.approx(1, abs=0.05)
    assert ratios.std() < 0.2 and ratios.min() > 0.5 and ratios.max() < 1.6


def test_a_white_image_stays_white_inside_and_black_beyond():
    images = np.full((20, 28, 28, 1), 255, np.uint8)
    result = FULL(images, 1, 0, np.arange(20))
    assert result.dtype == np.uint8 and (result[:, 8:20, 8:20] == 255).all()
    small = Augmentation(0, scale=0.9)(images, 1, 0, np.arange(20))
    assert (small == 0).any() and small.max() == 255


def test_strength_of_the_elastic_fields():
    # variance of uniform noise, 1/3, times the sum of the squared weights of a Gaussian that sums to 4
    expected = 4 * np.sqrt(1 / 3) / (2 * 4 * np.sqrt(np.pi))
    fields = smooth_noise((28, 28), 3)
    assert fields.std() == pytest.approx(expected, rel=0.05)
    correlation = [np.mean(fields[:, :28] * fields[:, lag : 28 + lag]) / fields.var() for lag in (2, 4, 8)]
    np.testing.assert_allclose(correlation, np.exp(-(np.array([2, 4, 8]) ** 2) / 64), atol=0.05)


def test_elastic_distortion_moves_points_by_its_strength():
    row, column = np.mgrid[:28, :28] - 13.5
    spot = np.rint(250 * np.exp(-(row**2 + column**2) / 4)).astype(np.uint8)
    images = np.repeat(spot[np.newaxis, :, :, np.newaxis], 600, axis=0)
    _, distances, angles = moments(Augmentation(0, elastic=3.4)(images, 1, 0, np.arange(600)))
    assert np.sqrt((distances**2).mean() / 2) == pytest.approx(0.55, abs=0.1)
    down, right = -distances * np.sin(angles), distances * np.cos(angles)
    assert abs(np.corrcoef(down, right)[0, 1]) < 4 / np.sqrt(600)


def test_channels_move_together():
    images = np.repeat(noise(3), 2, axis=-1)
    for augmentation in (Augmentation(2), FULL):
        result = augmentation(images, 1, 0, np.arange(3))
        np.testing.assert_array_equal(result[..., 0], result[..., 1])


def test_shifts_and_spikes_are_drawn_apart():
    indices = np.arange(3000)
    images = np.zeros((3000, 3, 3, 1), np.uint8)
    images[:, 1, 1] = 1
    _, down, right, _ = np.nonzero(Augmentation(1)(images, 1, 0, indices))
    half = np.full((3000, 4), 2**31, np.uint32)
    spikes = bernoulli_spikes(half, sample_keys(1, 0, indices), 3, (4,)).dense().reshape(3000, -1)
    active = spikes[:, spikes.any(axis=0)].astype(float)
    correlations = [np.corrcoef(shift, train)[0, 1] for shift in (down, right) for train in active.T]
    assert np.abs(correlations).max() < 4 / np.sqrt(3000)


def test_global_random_state_is_left_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    FULL(noise(2), 1, 0, np.arange(2))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("shift", value) for value in (-1, 1.5, np.nan)],
        *[("scale", value) for value in (-0.1, 1.0, np.nan)],
        *[("rotation", value) for value in (-1, 181, np.nan)],
        *[("elastic", value) for value in (-1, np.inf, np.nan)],
    ],
)
def test_impossible_settings(field, value):
    with pytest.raises(ConfigurationError, match=f"Augmentation.{field}"):
        Augmentation(**{field: value})


def test_wrong_arguments():
    images = noise(2)
    for wrong in ((images[..., 0], np.arange(2)), (images, np.arange(3)), (images, 0)):
        with pytest.raises(ShapeError, match="one index for each"):
            FULL(wrong[0], 1, 0, wrong[1])
    with pytest.raises(ConfigurationError, match="float64"):
        FULL(images / 255, 1, 0, np.arange(2))
    for seed, epoch, indices in ((-1, 0, [0, 1]), (1, -1, [0, 1]), (1, 0, [0, -1])):
        with pytest.raises(ConfigurationError):
            FULL(images, seed, epoch, np.array(indices))


def test_no_images():
    for augmentation in (Augmentation(1), FULL):
        assert augmentation(noise(0), 1, 0, np.arange(0)).shape == (0, 28, 28, 1)
