/** The list of images: filters, order, and thumbnails that are made only where one looks. */
import { useVirtualizer } from '@tanstack/react-virtual';
import type { ImageState, ImageSummary, Review } from 'adclick/api';
import { useEffect, useRef, useState } from 'react';
import { thumbnailUrl } from '../api/client.ts';
import type { AppState } from '../state/store.ts';
import { CommandButton } from './command-button.tsx';
import { useApp, useAppParts, useAppState } from './context.ts';

const LINE_HEIGHT = 68;

const STATE_NAMES: Readonly<Record<ImageState, string>> = { todo: 'To do', defect: 'Defect', good: 'No defect' };
const REVIEW_NAMES: Readonly<Record<Review, string>> = {
  none: 'Not reviewed',
  approved: 'Approved',
  rejected: 'Sent back',
};
const ORDERS: readonly (readonly [AppState['order'], string])[] = [
  ['residual', 'Most different first'],
  ['uncertainty', 'Least certain first'],
  ['diversity', 'Most varied first'],
  ['name', 'By name'],
];

function useFilter() {
  const app = useApp();
  const filter = useAppState((state) => state.filter);
  const change = (part: AppState['filter']) => void app.queue.restart({ filter: { ...filter, ...part } });
  return { filter, change };
}

/** Searches once typing has paused. */
function Search() {
  const { filter, change } = useFilter();
  const [text, setText] = useState(filter.search ?? '');
  const changeNow = useRef(change);
  changeNow.current = change;
  useEffect(() => {
    if (text === (filter.search ?? '')) return;
    const timer = setTimeout(() => changeNow.current({ search: text || undefined }), 200);
    return () => clearTimeout(timer);
  }, [text, filter.search]);
  return (
    <input
      id="queue-search"
      type="search"
      placeholder="Search names"
      aria-label="Search the images by name"
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, name: string])[];
  onChange(value: string): void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {options.map(([option, name]) => (
        <option key={option} value={option}>
          {name}
        </option>
      ))}
    </select>
  );
}

function Filters() {
  const app = useApp();
  const { filter, change } = useFilter();
  const { types, order, project } = useAppParts(({ types, order, project }) => ({ types, order, project }));
  const categories = project?.categories ?? [];
  return (
    <div className="filters">
      <Search />
      {categories.length > 1 && (
        <Choice
          label="Filter by category"
          value={filter.category ?? ''}
          options={[['', 'All categories'], ...categories.map(({ name }) => [name, name] as const)]}
          onChange={(value) => change({ category: value || undefined })}
        />
      )}
      <div className="row">
        <Choice
          label="Filter by label"
          value={filter.state ?? ''}
          options={[['', 'Label'], ...Object.entries(STATE_NAMES)]}
          onChange={(value) => change({ state: (value || undefined) as ImageState | undefined })}
        />
        <Choice
          label="Filter by defect type"
          value={filter.type ? String(filter.type) : ''}
          options={[['', 'Type'], ...types.map(({ id, name }) => [String(id), name] as const)]}
          onChange={(value) => change({ type: value ? Number(value) : undefined })}
        />
        <Choice
          label="Filter by review"
          value={filter.review ?? ''}
          options={[['', 'Review'], ...Object.entries(REVIEW_NAMES)]}
          onChange={(value) => change({ review: (value || undefined) as Review | undefined })}
        />
      </div>
      <Choice
        label="Order"
        value={order}
        options={ORDERS}
        onChange={(value) => void app.queue.restart({ order: value as AppState['order'] })}
      />
    </div>
  );
}

function TypeDots({ types }: { readonly types: readonly number[] }) {
  const all = useAppState((state) => state.types);
  return (
    <span className="dots">
      {types.map((id) => {
        const type = all.find((other) => other.id === id);
        return type ? <span key={id} className="dot" style={{ background: type.colour }} title={type.name} /> : null;
      })}
    </span>
  );
}

function Line({
  line,
  place,
  current,
}: {
  readonly line: ImageSummary;
  readonly place: number;
  readonly current: boolean;
}) {
  const app = useApp();
  const name = line.path.split('/').slice(-2).join('/');
  const state = STATE_NAMES[line.state];
  const review = line.review === 'none' ? '' : `, ${REVIEW_NAMES[line.review]}`;
  return (
    <button
      type="button"
      className="line"
      aria-current={current}
      aria-label={`${line.path}: ${state}${review}. ${line.reason}`}
      data-image={line.id}
      onPointerDown={(event) => event.preventDefault()}
      onClick={() => void app.open(line.id, place)}
    >
      <img src={thumbnailUrl(line.id)} alt="" loading="lazy" decoding="async" width="52" height="52" />
      <span className="line-text" title={`${line.path}: ${line.reason}`}>
        <span className="line-name">{name}</span>
        <span className="line-state">
          <span className={`badge ${line.state}`}>{state}</span>
          {line.review !== 'none' && <span className={`badge ${line.review}`}>{REVIEW_NAMES[line.review]}</span>}
          <TypeDots types={line.types} />
        </span>
        <span className="line-reason">{line.reason}</span>
      </span>
    </button>
  );
}

function List() {
  const app = useApp();
  const { total, lines, position, image } = useAppParts(({ total, lines, position, image }) => ({
    total,
    lines,
    position,
    image,
  }));
  const filtered = useAppState(({ filter }) => Object.values(filter).some((value) => value !== undefined));
  const room = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: total ?? 0,
    getScrollElement: () => room.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 6,
  });
  const rows = list.getVirtualItems();
  const [first, last] = [rows[0]?.index, rows[rows.length - 1]?.index];
  useEffect(() => {
    if (first === undefined || last === undefined) return;
    void app.queue.ensure(first);
    void app.queue.ensure(last);
  }, [app, first, last]);
  const scrollTo = list.scrollToIndex;
  useEffect(() => {
    if (position !== null) scrollTo(position, { align: 'auto' });
  }, [position, scrollTo]);
  return (
    <div ref={room} className="list" data-total={total ?? ''}>
      {total === 0 && (
        <p className="quiet">{filtered ? 'No image fits these filters.' : 'The project has no images to label yet.'}</p>
      )}
      <ol style={{ height: list.getTotalSize() }}>
        {rows.map(({ index, start }) => {
          const line = lines.get(index);
          return (
            <li
              key={index}
              style={{ transform: `translateY(${start}px)` }}
              aria-setsize={total ?? -1}
              aria-posinset={index + 1}
            >
              {line ? (
                <Line line={line} place={index} current={line.id === image?.id} />
              ) : (
                <div className="line empty" />
              )}
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function Counts() {
  const { total, position, project } = useAppParts(({ total, position, project }) => ({ total, position, project }));
  return (
    <div className="counts">
      <strong>{project?.name ?? 'ADClick'}</strong>
      <span className="quiet">
        {total === null ? '' : position === null ? `${total}` : `${position + 1} / ${total}`}
      </span>
      <span className="space" />
      <CommandButton id="image.previous" />
      <CommandButton id="image.next" />
      <CommandButton id="image.nextTodo" />
    </div>
  );
}

/** What lies in the folders and is not in the list, or is there no longer: nobody should look for it in vain. */
function PassedOver() {
  const sentences = useAppState(({ project }) => project?.passedOver);
  if (!sentences || sentences.length === 0) return null;
  return (
    <details className="passed-over">
      <summary>Pictures left out or not to be read</summary>
      {sentences.map((sentence) => (
        <p key={sentence} className="quiet">
          {sentence}
        </p>
      ))}
    </details>
  );
}

export function QueuePanel() {
  return (
    <nav className="queue" aria-label="Images">
      <Counts />
      <Filters />
      <List />
      <PassedOver />
    </nav>
  );
}
