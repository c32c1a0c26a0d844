import { fireEvent, screen } from '@testing-library/vue'
import { describe, expect, it } from 'vitest'
import { mount } from '@/testing/mount'
import MessageComposer from './MessageComposer.vue'

function compose(props: Record<string, unknown> = {}) {
  const view = mount(MessageComposer, {
    props: { placeholder: 'Ask…', isAnswering: false, isStopping: false, modelValue: 'Hello', ...props },
  })
  return { ...view, area: screen.getByTestId('composer-input') }
}

describe('the composer', () => {
  it('sends on Enter and keeps a line break on Shift+Enter', async () => {
    const { area, emitted } = compose()
    await fireEvent.keyDown(area, { key: 'Enter', shiftKey: true })
    expect(emitted()).not.toHaveProperty('send')
    await fireEvent.keyDown(area, { key: 'Enter' })
    expect(emitted().send).toHaveLength(1)
  })

  it('leaves Enter to an input method while it composes', async () => {
    const { area, emitted } = compose()
    await fireEvent.keyDown(area, { key: 'Enter', isComposing: true })
    await fireEvent.keyDown(area, { key: 'Enter', keyCode: 229 })
    expect(emitted()).not.toHaveProperty('send')
  })

  it('sends nothing that is empty', async () => {
    const { area, emitted } = compose({ modelValue: '  \n' })
    await fireEvent.keyDown(area, { key: 'Enter' })
    expect(emitted()).not.toHaveProperty('send')
    expect(screen.getByTestId('composer-send').hasAttribute('disabled')).toBe(true)
  })

  it('offers to stop while an answer is written, and sends nothing meanwhile', async () => {
    const { area, emitted } = compose({ isAnswering: true })
    await fireEvent.keyDown(area, { key: 'Enter' })
    expect(emitted()).not.toHaveProperty('send')
    await fireEvent.click(screen.getByTestId('reply-stop'))
    expect(emitted().stop).toHaveLength(1)
  })
})
