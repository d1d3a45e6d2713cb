/** How the work goes: time and clicks an image, per type, per person, per day. */
import { useQuery } from '@tanstack/react-query';
import { useApp, useAppParts } from './context.ts';

const number = (value: number | null, digits = 0) =>
  value === null ? '–' : value.toLocaleString('en', { maximumFractionDigits: digits });

function Bar({
  label,
  value,
  most,
  colour,
}: {
  readonly label: string;
  readonly value: number;
  readonly most: number;
  readonly colour?: string;
}) {
  return (
    <li className="bar">
      <span>{label}</span>
      <span className="bar-track">
        <span className="bar-fill" style={{ width: `${most > 0 ? (100 * value) / most : 0}%`, background: colour }} />
      </span>
      <span className="quiet">{number(value)}</span>
    </li>
  );
}

export function StatisticsPanel() {
  const app = useApp();
  const { types, saving } = useAppParts(({ types, saving }) => ({ types, saving: saving.waiting === 0 }));
  const { data, error } = useQuery({ queryKey: ['statistics', saving], queryFn: () => app.api.statistics() });
  if (error) return <p className="quiet">The figures cannot be read now.</p>;
  if (!data) return <p className="quiet">Counting…</p>;
  const typeOf = (id: number) => types.find((type) => type.id === id);
  const mostRegions = Math.max(0, ...data.byType.map(({ regions }) => regions));
  const mostDays = Math.max(0, ...data.perDay.map(({ images }) => images));
  return (
    <div className="statistics">
      <dl className="figures">
        <div>
          <dt>Labelled</dt>
          <dd>{number(data.labelled)}</dd>
        </div>
        <div>
          <dt>Seconds an image</dt>
          <dd>{number(data.secondsPerImage, 1)}</dd>
        </div>
        <div>
          <dt>Clicks an image</dt>
          <dd>{number(data.clicksPerImage, 1)}</dd>
        </div>
      </dl>
      {data.byType.length > 0 && <h2>Regions by type</h2>}
      <ul>
        {data.byType.map(({ type, regions }) => (
          <Bar
            key={type}
            label={typeOf(type)?.name ?? String(type)}
            value={regions}
            most={mostRegions}
            colour={typeOf(type)?.colour}
          />
        ))}
      </ul>
      {data.byAuthor.length > 1 && (
        <>
          <h2>By person</h2>
          <ul>
            {data.byAuthor.map(({ author, images }) => (
              <Bar
                key={author}
                label={author}
                value={images}
                most={Math.max(...data.byAuthor.map((other) => other.images))}
              />
            ))}
          </ul>
        </>
      )}
      {data.perDay.length > 0 && <h2>Images a day</h2>}
      <ul>
        {data.perDay.slice(-14).map(({ day, images }) => (
          <Bar key={day} label={day} value={images} most={mostDays} />
        ))}
      </ul>
    </div>
  );
}
