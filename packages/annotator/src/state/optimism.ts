/** What the page shows before the server has answered: the last answer with the waiting actions on top. */
import { type Action, clicksMade, type ImageDetail } from 'adclick/api';

/** The part of an image that actions change and that is no bitmap. */
export type Facts = Pick<ImageDetail, 'clicks' | 'activeType' | 'threshold' | 'state' | 'review'>;

/** Facts after one more action, as far as the page can know. */
export function foresee(facts: Facts, action: Action): Facts {
  const none = { ...facts, clicks: [], activeType: null };
  switch (action.kind) {
    case 'click':
    case 'clicks': {
      const before = facts.activeType === action.type ? facts.clicks : [];
      return { ...facts, activeType: action.type, clicks: [...before, ...clicksMade(action)] };
    }
    case 'moveClick':
      return {
        ...facts,
        clicks: facts.clicks.map((click, i) => (i === action.index ? { ...click, x: action.x, y: action.y } : click)),
      };
    case 'deleteClick':
      return { ...facts, clicks: facts.clicks.filter((_, i) => i !== action.index) };
    case 'threshold':
      return { ...facts, threshold: action.value };
    case 'state':
      return { ...facts, state: action.state };
    case 'review':
      return { ...facts, review: action.review };
    case 'finishRegion':
    case 'paint':
    case 'clear':
    case 'acceptProposal':
    case 'changeType':
      return none;
    default:
      // What undo and redo bring back only the server knows.
      return facts;
  }
}

export const foreseeAll = (facts: Facts, actions: readonly Action[]): Facts => actions.reduce(foresee, facts);
