import { effectScope, type EffectScope } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { useCompare } from './useCompare'

/** What the browser's fetch is called with, and answers that the test writes itself. */
const asked: { model: string; signal: AbortSignal; stream: ReadableStreamDefaultController<Uint8Array> }[] = []
const encode = (text: string) => new TextEncoder().encode(text)
let scope: EffectScope

beforeEach(() => {
  asked.length = 0
  scope = effectScope()
  vi.stubGlobal('fetch', (_url: string, init: RequestInit) => {
    const body = new ReadableStream<Uint8Array>({
      start(stream) {
        const { model } = JSON.parse(String(init.body)) as { model: string }
        asked.push({ model, signal: init.signal as AbortSignal, stream })
      },
    })
    return Promise.resolve(new Response(body, { status: 200 }))
  })
})
afterEach(() => {
  scope.stop()
  vi.unstubAllGlobals()
})

const compare = () => scope.run(useCompare) ?? useCompare()

it('shows each answer as it comes, cut wherever the network cuts it', async () => {
  const { answers, ask, isBusy } = compare()
  const done = ask('x', 'Who?', ['base', 'candidate'])
  await vi.waitFor(() => expect(asked).toHaveLength(2))
  const whole = encode('data: {"text":"你"}\n\ndata: {"text":"好"}\n\n')
  asked[0]?.stream.enqueue(whole.slice(0, 17))
  asked[0]?.stream.enqueue(whole.slice(17))
  asked[1]?.stream.enqueue(encode('data: {"error":{"code":"c","message":"away"}}\n\n'))
  await vi.waitFor(() => expect(answers.base?.text).toBe('你好'))
  expect(isBusy.value).toBe(true)
  for (const { stream } of asked) stream.enqueue(encode('data: [DONE]\n\n'))
  await done
  expect(isBusy.value).toBe(false)
  expect(answers.base?.error).toBeNull()
  expect(String(answers.candidate?.error)).toContain('away')
})

it('says that an answer broke off', async () => {
  const { answers, ask } = compare()
  const done = ask('x', 'Who?', ['base'])
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked[0]?.stream.close()
  await done
  expect(answers.base?.error).toMatchObject({ code: 'network' })
})

it('ends what is still coming when the page is left', async () => {
  const { ask } = compare()
  void ask('x', 'Who?', ['base'])
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  scope.stop()
  expect(asked[0]?.signal.aborted).toBe(true)
})
