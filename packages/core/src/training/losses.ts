/** Losses of the click model as graph nodes: normalised focal loss and Dice. */
import {
  add,
  addScalar,
  div,
  mul,
  neg,
  reduceMean,
  reduceSum,
  scale,
  sigmoid,
  softplus,
  square,
  stopGradient,
  type Value,
} from '@adclick/ortgrad';

/** Keeps quotients of sums finite. */
const TINY = 1e-12;

/** Sum over all axes but the first. (B, …) -> (B). */
function perSample(x: Value): Value {
  return reduceSum(
    x,
    x.shape.slice(1).map((_, i) => i + 1),
    false,
  );
}

/** Margin (2y - 1)·z: positive where the logit agrees with the label, (B, H, W). */
function margin(logits: Value, target: Value): Value {
  return mul(addScalar(scale(target, 2), -1), logits);
}

/**
 * Normalised focal loss over the pixels that count, L = Σ b·l(P, Y*) / Σ b with l as in AdaptIS, γ = 2 and α = 0.5: Eq. 10 of the
 * paper, whose flag b is `weight`. Focal weights are rescaled to a mean of one a sample, the rescaling detached, so gradients do not
 * fade once most pixels are easy. With p_t = σ(margin), -log p_t = softplus(-margin).
 * @equation 10
 * @param logits (B, H, W) @param target 0 or 1 (B, H, W) @param weight 0 where ignored, else 1, or more where it matters more (B, H, W)
 * @returns scalar, mean over the batch.
 */
export function normalisedFocalLoss(logits: Value, target: Value, weight: Value): Value {
  const u = neg(margin(logits, target)); // (B, H, W)
  const focal = mul(square(sigmoid(u)), weight); // (1 - p_t)²·b, (B, H, W)
  const counted = perSample(weight); // (B)
  const multiplier = stopGradient(div(counted, addScalar(perSample(focal), TINY))); // (B)
  const losses = perSample(mul(focal, softplus(u))); // (B)
  const means = div(mul(multiplier, losses), addScalar(counted, TINY)); // (B)
  return scale(reduceMean(means), 0.5); // ()
}

/** Pixels added to both sides of the Dice quotient, so that defects of a few pixels do not dominate. */
const DICE_SMOOTH = 30;

/** 1 - Dice of the probabilities, each pixel counting by its weight, mean over the batch; it lifts the confidence of the first click (docs/method.md, Training the click model). Shapes as above. */
export function diceLoss(logits: Value, target: Value, weight: Value): Value {
  const p = mul(sigmoid(logits), weight); // (B, H, W)
  const y = mul(target, weight); // (B, H, W)
  const overlap = addScalar(scale(perSample(mul(p, target)), 2), DICE_SMOOTH); // (B)
  const total = addScalar(add(perSample(p), perSample(y)), DICE_SMOOTH); // (B)
  const dice = div(overlap, total); // (B)
  return addScalar(neg(reduceMean(dice)), 1); // ()
}

/** The training loss: normalised focal loss + `dice` × Dice loss. */
export function clickLoss(logits: Value, target: Value, weight: Value, dice: number): Value {
  return add(normalisedFocalLoss(logits, target, weight), scale(diceLoss(logits, target, weight), dice));
}
