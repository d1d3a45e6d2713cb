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

/** Margin (2y - 1)·z: positive where the logit agrees with the label. */
function margin(logits: Value, target: Value): Value {
  return mul(addScalar(scale(target, 2), -1), logits);
}

/**
 * Normalised focal loss (AdaptIS; spec 02 §4) with γ = 2 and α = 0.5: focal weights are rescaled to a mean of one a sample,
 * the rescaling detached, so gradients do not fade once most pixels are easy. With p_t = σ(margin), -log p_t = softplus(-margin).
 * @param logits (B, H, W) @param target 0 or 1 (B, H, W) @param weight 0 where ignored, else 1 (B, H, W)
 * @returns scalar, mean over the batch.
 */
export function normalisedFocalLoss(logits: Value, target: Value, weight: Value): Value {
  const u = neg(margin(logits, target));
  const focal = mul(square(sigmoid(u)), weight); // (1 - p_t)²·w
  const counted = perSample(weight);
  const multiplier = stopGradient(div(counted, addScalar(perSample(focal), TINY)));
  const losses = perSample(mul(focal, softplus(u)));
  return scale(reduceMean(div(mul(multiplier, losses), addScalar(counted, TINY))), 0.5);
}

/** Pixels added to both sides of the Dice quotient, so that defects of a few pixels do not dominate. */
const DICE_SMOOTH = 30;

/** 1 - Dice of the probabilities, mean over the batch (recipe.md: lifts the confidence of the first click). Shapes as above. */
export function diceLoss(logits: Value, target: Value, weight: Value): Value {
  const p = mul(sigmoid(logits), weight);
  const y = mul(target, weight);
  const overlap = addScalar(scale(perSample(mul(p, y)), 2), DICE_SMOOTH);
  const total = addScalar(add(perSample(p), perSample(y)), DICE_SMOOTH);
  const dice = div(overlap, total);
  return addScalar(neg(reduceMean(dice)), 1);
}

/** The training loss: normalised focal loss + `dice` × Dice loss. */
export function clickLoss(logits: Value, target: Value, weight: Value, dice: number): Value {
  return add(normalisedFocalLoss(logits, target, weight), scale(diceLoss(logits, target, weight), dice));
}
