import { computed, onScopeDispose, watch } from 'vue'
import { exportList, type AdapterExport } from '@/api/exports'
import { isActive } from '@/lib/runs'
import { useLoad } from './useLoad'

/** How often an unfinished export is looked at again. */
export const LOOK_MS = 2000

/** The exports of an adapter, looked at again as long as one of them waits or runs. */
export function useExports(adapterId: string) {
  const { data, error, load } = useLoad(() => exportList(adapterId))
  const items = computed<AdapterExport[] | null>(() => data.value?.results ?? null)
  const isUnderWay = computed(() => items.value?.some((item) => isActive(item.state)) ?? false)
  let timer: ReturnType<typeof setTimeout> | undefined

  // After every answer, and after one that did not come.
  watch([data, error], () => {
    clearTimeout(timer)
    if (isUnderWay.value) timer = setTimeout(() => void load(), LOOK_MS)
  })
  onScopeDispose(() => clearTimeout(timer))

  return { items, error, isUnderWay, load }
}
