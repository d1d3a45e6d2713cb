/** The bar at the top: what one does most, in the order in which one does it. */
import { BRUSH_SIZE } from '../raster/brush.ts';
import { WAND_TOLERANCE } from '../raster/regions.ts';
import { CommandButton } from './command-button.tsx';
import { useApp, useAppParts } from './context.ts';
import { Slider } from './slider.tsx';

const TOOLS = ['click', 'minus', 'brush', 'eraser', 'polygon', 'box', 'wand', 'region', 'pan'] as const;

/** The setting of the chosen tool, where it has one. */
function ToolSetting() {
  const app = useApp();
  const { tool, brushSize, tolerance } = useAppParts(({ tool, brushSize, tolerance }) => ({
    tool,
    brushSize,
    tolerance,
  }));
  if (tool === 'brush' || tool === 'eraser')
    return (
      <Slider
        label="Size"
        text={`${brushSize} px`}
        value={brushSize}
        least={BRUSH_SIZE.least}
        most={100}
        step={1}
        onChange={(value) => app.store.setState({ brushSize: value })}
      />
    );
  if (tool === 'wand')
    return (
      <Slider
        label="Tolerance"
        text={String(tolerance)}
        value={tolerance}
        least={WAND_TOLERANCE.least}
        most={WAND_TOLERANCE.most}
        step={1}
        onChange={(value) => app.store.setState({ tolerance: value })}
      />
    );
  return null;
}

export function Toolbar() {
  return (
    <header className="toolbar">
      <div className="group">
        <CommandButton id="page.queue" />
      </div>
      <div className="group" role="toolbar" aria-label="Tools">
        {TOOLS.map((tool) => (
          <CommandButton key={tool} id={`tool.${tool}`} />
        ))}
        <CommandButton id="mask.fillHoles" />
      </div>
      <ToolSetting />
      <div className="group">
        <CommandButton id="image.undo" />
        <CommandButton id="image.redo" />
      </div>
      <div className="space" />
      <div className="group optional">
        <CommandButton id="view.mask" />
        <CommandButton id="view.heat" />
        <CommandButton id="view.nearest" />
      </div>
      <div className="group">
        <CommandButton id="page.prompts" />
        <CommandButton id="page.train" />
        <CommandButton id="page.compare" />
        <CommandButton id="page.jobs" />
        <CommandButton id="page.theme" />
        <CommandButton id="page.shortcuts" />
        <CommandButton id="page.panel" />
      </div>
    </header>
  );
}
