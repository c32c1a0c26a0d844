/** How long a run will be, predicted while the form is filled in. */

import type { RunSettings } from '@/api/types'

/** Optimiser steps as `ml/settings.py` counts them: `max_steps` where given, else by epochs. */
export function predictedSteps(examples: number, settings: RunSettings): number | null {
  const batch = Number(settings.batch_size)
  const accumulation = Number(settings.gradient_accumulation)
  const epochs = Number(settings.epochs)
  const share = Number(settings.general_share ?? 0)
  if (!(examples > 0 && batch >= 1 && accumulation >= 1 && epochs > 0 && share < 1)) return null
  const mixed = examples + Math.floor((share / (1 - share)) * examples + 0.5)
  const fixed = Number(settings.max_steps)
  return fixed > 0 ? fixed : Math.max(1, Math.ceil((epochs * mixed) / (batch * accumulation)))
}
