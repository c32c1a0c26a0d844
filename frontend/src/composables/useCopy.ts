import { onScopeDispose, ref } from 'vue'

const SHOWN_MS = 1_600

/** Copies text to the clipboard; `isCopied` is true for a moment after it worked. */
export function useCopy() {
  const isCopied = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined

  async function copy(text: string): Promise<void> {
    // Without a secure origin (plain http in a house network) browsers hide the clipboard.
    if ('clipboard' in navigator) await navigator.clipboard.writeText(text)
    else copyBySelection(text)
    isCopied.value = true
    clearTimeout(timer)
    timer = setTimeout(() => (isCopied.value = false), SHOWN_MS)
  }

  onScopeDispose(() => clearTimeout(timer))
  return { copy, isCopied }
}

function copyBySelection(text: string): void {
  const area = document.createElement('textarea')
  area.value = text
  area.style.position = 'fixed'
  area.style.opacity = '0'
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}
