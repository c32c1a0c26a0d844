import { watch, type Ref, type ShallowRef } from 'vue'
import { runGet } from '@/api/runs'
import type { TrainingRun } from '@/api/types'
import type { Series } from '@/lib/metrics'

/** A curve says something new about this often in a run's course. */
const TIMES = 10

/**
 * Keeps the advice of a run that goes on fresh. It is read from the whole curve, so it is no part of
 * the live events: it is asked for again after a validation, every tenth of the way, and at the end.
 */
export function useFreshAdvice(run: Ref<TrainingRun | null>, series: ShallowRef<Series>): void {
  const moment = () =>
    run.value && [run.value.state, series.value.eval_loss.length, Math.floor(run.value.progress * TIMES)].join()

  watch(moment, async (now, before) => {
    const id = run.value?.id
    if (!now || !before || id === undefined) return
    try {
      const fresh = await runGet(id)
      if (run.value?.id !== id || moment() !== now) return
      run.value.curve_advice = fresh.curve_advice ?? []
      run.value.best_step = fresh.best_step ?? null
    } catch {
      // The advice so far stays; the next moment asks again.
    }
  })
}
