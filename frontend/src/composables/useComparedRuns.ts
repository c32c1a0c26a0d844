import { shallowRef } from 'vue'
import { runGet, runMetrics } from '@/api/runs'
import type { TrainingRun } from '@/api/types'
import { addMetric, emptySeries, type Series } from '@/lib/metrics'

export interface ComparedRun {
  run: TrainingRun
  series: Series
}

/** Several runs with all that they have measured, in the order asked for. */
export function useComparedRuns(ids: () => string[]) {
  const runs = shallowRef<ComparedRun[] | null>(null)
  const error = shallowRef<unknown>(null)
  let latest = 0

  async function load(): Promise<void> {
    const mine = (latest += 1)
    error.value = null
    try {
      const read = await Promise.all(ids().map(one))
      if (mine === latest) runs.value = read
    } catch (cause) {
      if (mine === latest) error.value = cause
    }
  }

  return { runs, error, load }
}

async function one(id: string): Promise<ComparedRun> {
  const [run, metrics] = await Promise.all([runGet(id), runMetrics(id)])
  const series = emptySeries()
  for (const metric of metrics) addMetric(series, metric)
  return { run, series }
}
