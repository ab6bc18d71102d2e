"""Trains a network on crops."""

import pathlib
import time

import torch
from torch import nn
from torch.nn import functional

from . import LABELS
from .network import normalize

BATCH = 64
# 1.4 to 1.8 times as fast, where the processor has it
BFLOAT16 = any(flag in pathlib.Path("/proc/cpuinfo").read_text() for flag in ("amx_bf16", "avx512_bf16"))
WEIGHT_DECAY, SMOOTHING = 0.02, 0.05


def train(net, crops, labels, epochs, seed, rate=2e-3, teacher=None, report=print):
    """Trains in place by AdamW with one cycle of the learning rate, up to `rate`. Crops are RGB UINT8 [n,h,w,3].

    With a `teacher`, a function from input to logits, half of the loss is the distance to its probabilities.
    """
    torch.manual_seed(seed)
    labels = torch.as_tensor(labels)
    net.to(memory_format=torch.channels_last)
    batches = len(crops) // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * batches)
    loss_of = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    begin = time.monotonic()
    for epoch in range(epochs):
        net.train()
        order, total = torch.randperm(len(crops)), 0.0
        for number in range(batches):
            chosen = order[number * BATCH : (number + 1) * BATCH]
            x = vary(normalize(crops[chosen.numpy()])).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BFLOAT16):
                y = net(x)
            y = y.float()
            loss = loss_of(y, labels[chosen])
            if teacher is not None:
                loss = (loss + distance(y, teacher(x))) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            if number % 20 == 19:
                rate = (epoch * batches + number + 1) * BATCH / (time.monotonic() - begin)
                report(f"epoch {epoch + 1} of {epochs}, batch {number + 1} of {batches}: "
                       f"loss {total / (number + 1):.3f}, {rate:.0f} crops/s")
    net.eval()


def vary(x):
    """Shifts by up to three pixels and the mirror image, anew in each epoch."""
    x = x.roll([int(n) for n in torch.randint(-3, 4, (2,))], (2, 3))
    mirrored = torch.rand(len(x)) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), x.flip(3), x)


def distance(student, teacher, temperature=3.0):
    """Kullback-Leibler divergence of softened probabilities (Hinton et al., 2015)."""
    soft = functional.softmax(teacher / temperature, 1)
    learned = functional.log_softmax(student / temperature, 1)
    return functional.kl_div(learned, soft, reduction="batchmean") * temperature**2


def calibrate(logits, labels):
    """The number that logits are divided by, and what is then added to that of "none", so that their softmax is calibrated:
    temperature scaling (Guo et al., 2017) with a bias, fitted by the likelihood with "none" as frequent as all vests together.
    """
    none = labels == LABELS.index("none")
    weights = torch.where(none, 0.5 / none.sum(), 0.5 / (~none).sum())
    fitted = torch.zeros(2, requires_grad=True)  # logarithm of the temperature, and the bias
    optimizer = torch.optim.LBFGS([fitted], lr=0.1, max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        scaled = logits / fitted[0].exp() + fitted[1] * functional.one_hot(torch.tensor(LABELS.index("none")), len(LABELS))
        loss = (functional.cross_entropy(scaled, labels, reduction="none") * weights).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(fitted[0].exp()), float(fitted[1])


def margin(logits, labels, share):
    """What has to be added to the logit of "none" so that such a share of the crops of "none" are taken for it."""
    none = LABELS.index("none")
    others = logits[labels == none].clone()
    own = others[:, none].clone()
    others[:, none] = -torch.inf
    return float(torch.quantile(others.amax(1) - own, share))
