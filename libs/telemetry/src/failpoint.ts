/**
 * Named places where a test can make a process die, fail, wait or hang. They stand at the commit points: where a crash
 * would show a wrong order of "done" and "said so".
 *
 *     MILLRACE_FAILPOINTS = entry *( "," entry )
 *     entry  = name "=" action [ ":" number ]
 *     action = "exit"   at the number-th pass (default 1) the process ends with code 137, without any clean-up
 *            | "throw"  at the number-th pass FailpointError is thrown
 *            | "hang"   from the number-th pass on, the caller waits for ever
 *            | "delay"  every pass waits number milliseconds
 *
 * Without the variable, or with NODE_ENV=production, `failpoint` is a constant function that does nothing.
 */

export class FailpointError extends Error {
  readonly code = 'failpoint'
  readonly hint = 'MILLRACE_FAILPOINTS asked for this failure.'

  constructor(point: string) {
    super(`failpoint ${point}`)
    this.name = 'FailpointError'
  }
}

export type Failpoint = (point: string) => Promise<void> | undefined

type Action = { readonly kind: 'exit' | 'throw' | 'hang' | 'delay'; readonly number: number }

/** The failpoint function for an environment; `exit` ends the process. Throws on a malformed MILLRACE_FAILPOINTS. */
export function createFailpoint(env: NodeJS.ProcessEnv, exit: (code: number) => never): Failpoint {
  const text = env.MILLRACE_FAILPOINTS
  if (!text || env.NODE_ENV === 'production') return () => undefined
  const actions = parseActions(text)
  const passes = new Map<string, number>()
  return (point) => {
    const action = actions.get(point)
    if (!action) return undefined
    const pass = (passes.get(point) ?? 0) + 1
    passes.set(point, pass)
    return act(point, action, pass, exit)
  }
}

/** Passes a failpoint; await it. */
export const failpoint: Failpoint = createFailpoint(process.env, (code) => process.exit(code))

function act(point: string, action: Action, pass: number, exit: (code: number) => never): Promise<void> | undefined {
  const { kind, number } = action
  if (kind === 'delay') return new Promise((resolve) => setTimeout(resolve, number))
  if (kind === 'hang' ? pass < number : pass !== number) return undefined
  // The proof, for the test that asked, that the fault did happen.
  process.stderr.write(`failpoint ${point}: ${kind} at pass ${pass}\n`)
  if (kind === 'exit') return exit(137)
  if (kind === 'throw') return Promise.reject(new FailpointError(point))
  return new Promise(() => undefined)
}

function parseActions(text: string): Map<string, Action> {
  const actions = new Map<string, Action>()
  for (const entry of text.split(',')) {
    const match = /^\s*([\w.-]+)=(exit|throw|hang|delay)(?::(\d+))?\s*$/.exec(entry)
    if (!match)
      throw new Error(`MILLRACE_FAILPOINTS: cannot read "${entry}"; write point=exit:3, throw, hang or delay:100`)
    actions.set(match[1]!, { kind: match[2] as Action['kind'], number: Number(match[3] ?? 1) })
  }
  return actions
}
