-- Tables of Markdown and HTML, brought to the pages' form.

local function number_like(text)
  return text:match('^[-+−]?[%d.,]*%d[%d.,]*%s?%%?$')
    or text:match('^[-+−]?%d[%d.]*[eE][-+−]?%d+$')
    or text == '' or text == 'nan' or text == 'NaN' or text == '–'
end

local function cells_of(rows, visit)
  for _, row in ipairs(rows) do
    row.attr = pandoc.Attr()
    local column, cells = 1, row.cells
    for index, cell in ipairs(cells) do
      visit(cell, column)
      cells[index] = cell
      column = column + cell.col_span
    end
    row.cells = cells
  end
end

-- In a table too wide for the page, columns of long text take what the others leave, and wrap.
local function typst_columns(el)
  local widest, total, flexible, columns = {}, 0, false, {}
  local function look(cell, column)
    local length = cell.col_span == 1 and utf8.len(pandoc.utils.stringify(cell.contents)) or 0
    widest[column] = math.max(widest[column] or 0, length)
  end
  cells_of(el.head.rows, look)
  for _, body in ipairs(el.bodies) do cells_of(body.body, look) end
  for column = 1, #el.colspecs do
    total = total + (widest[column] or 0) + 3
    local long = (widest[column] or 0) > 40
    flexible = flexible or long
    columns[column] = long and '1fr' or 'auto'
  end
  return flexible and total > 80 and '(' .. table.concat(columns, ', ') .. ',)' or nil
end

-- Columns of numbers are set flush right; widths and captions are the page's own affair.
return function(el, typst)
  local numbers, aligned = {}, {}
  for _, body in ipairs(el.bodies) do
    body.attr = pandoc.Attr()
    cells_of(body.body, function(cell, column)
      local text = pandoc.utils.stringify(cell.contents)
      if numbers[column] == nil then numbers[column] = true end
      if not number_like(text) then numbers[column] = false end
      if number_like(text) then
        text = text:gsub('^%-', '−')
        cell.contents = {pandoc.Plain{pandoc.Str(text)}}
      end
      if cell.alignment ~= 'AlignDefault' then aligned[column] = cell.alignment end
    end)
  end
  local function bare(cell)
    cell.attr = pandoc.Attr()
    cell.alignment = 'AlignDefault'
  end
  for _, body in ipairs(el.bodies) do
    cells_of(body.body, bare)
    cells_of(body.head, bare)
  end
  cells_of(el.head.rows, bare)
  cells_of(el.foot.rows, bare)
  el.head.attr, el.foot.attr = pandoc.Attr(), pandoc.Attr()
  local specs = {}
  for column, spec in ipairs(el.colspecs) do
    local alignment = spec[1]
    if alignment == 'AlignDefault' then
      alignment = aligned[column] or (numbers[column] and 'AlignRight') or 'AlignLeft'
    end
    specs[column] = {alignment, nil}
  end
  el.colspecs = specs
  el.caption = {long = {}, short = nil}
  local columns = typst and typst_columns(el)
  el.attr = pandoc.Attr('', {'typst:no-figure'}, columns and {columns = columns} or {})
  return el
end
