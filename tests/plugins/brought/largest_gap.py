"""A metric: the largest difference of a sample's outputs to float."""

import numpy as np

from analysis.metrics import SampleMetric, register


@register
class LargestGap(SampleMetric):
    """The mean over the samples of the largest difference."""

    name = "largest_gap"
    label = "Largest gap"
    unit = ""
    higher_is_better = False
    needs_labels = False

    def each(self, outputs, labels, reference, samples, /):
        """The largest difference of each sample."""
        gaps = [
            np.abs(array.reshape(samples, -1) - reference[name].reshape(samples, -1)).max(axis=1)
            for name, array in outputs.items()
        ]
        return np.max(gaps, axis=0).astype(np.float64)
