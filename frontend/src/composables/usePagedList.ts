import { ref, shallowRef, type Ref } from 'vue'
import type { Page } from '@/api/types'
import { useAct } from './useAct'

/**
 * A list that is read page by page; `rows` is null until the first page is there.
 * What answers a list that was since read anew is dropped.
 */
export function usePagedList<Row>(first: () => Promise<Page<Row>>, follow: (next: string) => Promise<Page<Row>>) {
  const rows = ref(null) as Ref<Row[] | null>
  const next = ref<string | null>(null)
  const error = shallowRef<unknown>(null)
  const { act, isBusy } = useAct()
  let latest = 0

  async function load(): Promise<void> {
    const mine = (latest += 1)
    error.value = null
    try {
      const page = await first()
      if (mine !== latest) return
      rows.value = page.results
      next.value = page.next
    } catch (cause) {
      if (mine === latest) error.value = cause
    }
  }

  async function loadMore(): Promise<void> {
    const address = next.value
    if (address === null) return
    const mine = latest
    await act(async () => {
      const page = await follow(address)
      if (mine !== latest) return
      rows.value = [...(rows.value ?? []), ...page.results]
      next.value = page.next
    })
  }

  return { rows, next, error, isLoadingMore: isBusy, load, loadMore }
}
