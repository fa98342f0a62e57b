"""The template's two helpers: a running average and the accuracy of a batch."""


class AverageMeter:
    """Running average: `update(val, n)` adds a mean `val` over n items; `avg` is the mean over all items so far."""

    def __init__(self, name):
        self.name = name
        self.reset()

    def reset(self):
        self.val = self.sum = self.avg = 0.0
        self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        return f"{self.name} {self.val:.4f} ({self.avg:.4f})"


def accuracy(output, target):
    """Share of rows of `output` (batch, classes) whose largest entry is at `target` (batch,), in [0, 1]."""
    return (output.argmax(dim=1) == target).float().mean().item()
