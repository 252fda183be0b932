import { styleText } from 'node:util'

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Colours only on a terminal, and never where NO_COLOR says no (no-color.org). */
export function createStyle(
  stream: { readonly isTTY?: boolean },
  noColor: boolean,
): (style: Style, text: string) => string {
  return (style, text) => (stream.isTTY === true && !noColor ? styleText(style, text, { validateStream: false }) : text)
}
