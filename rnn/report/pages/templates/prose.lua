-- Turns every piece of prose of a notebook into Typst or HTML in one run of `pandoc lua`.
--
-- Standard input is JSON:
--   to               'typst' or 'html'
--   fragments        {{text, from = 'markdown' or 'html', inline = whether it is one line}}
--   references       what [Figure](#label) stands for: {['fig-loss'] = 'Figure 1'}
--   images           the pictures prose may show: from their address to that in the page
--   number_sections  write the number before each heading (HTML; Typst numbers by itself)
--   take_title       take a sole first-level heading that comes first out of the text, as the title
-- Standard output is JSON: {fragments = {{body | error | unknown, warnings}}, headings, title},
-- where unknown is a reference that leads nowhere. Nothing raw and no attribute of the source
-- survives: what a page shows is built from pandoc's document tree alone, so no text can become
-- markup of the page.

local here = pandoc.path.directory(arg[0])
local tidy_table = dofile(pandoc.path.join{here, 'tables.lua'})
local job = pandoc.json.decode(io.read('a'), false)
local typst = job.to == 'typst'
local format = typst and 'typst-smart' or 'html'
local options = pandoc.WriterOptions{html_math_method = 'mathml', wrap_text = 'none'}
local current -- the fragment in hand, for warnings and errors

-- Markdown as JupyterLab reads it.  (Every extension named costs time at every reading, and fewer
-- have to be added to the strict dialect than to be taken from pandoc's own.)
local markdown = 'markdown_strict+all_symbols_escapable+autolink_bare_uris+backtick_code_blocks'
  .. '+escaped_line_breaks+fenced_code_blocks+intraword_underscores+native_divs+native_spans'
  .. '+lists_without_preceding_blankline+pipe_tables+raw_tex+shortcut_reference_links+smart'
  .. '+space_in_atx_header+strikeout+task_lists+tex_math_dollars'

local function quoted(text, line_end) -- a Typst string literal
  local escaped = text:gsub('[\\"]', '\\%0'):gsub('\r', ' '):gsub('\n', line_end or ' ')
  return '"' .. escaped .. '"'
end

local function raw(text)
  return pandoc.RawInline(job.to, text)
end

local function written(inlines)
  return (pandoc.write(pandoc.Pandoc{pandoc.Plain(inlines)}, format, options):gsub('%s+$', ''))
end

-- Cleaning: what was read becomes a tree without raw parts ------------------------------------

local function read(text, from)
  return pandoc.read(text, from == 'html' and 'html' or markdown)
end

local clean -- the filter below, which also cleans what it finds inside raw HTML

local function environment(text)
  return text:match('^%s*\\begin{%a+%*?}') and pandoc.Math('DisplayMath', text)
end

-- Equations carry no numbers here, so what names or withholds a number has nothing to do.
local function without_numbers(tex)
  return (tex:gsub('\\label%s*%b{}', ''):gsub('\\tag%*?%s*%b{}', '')
    :gsub('\\notag%f[%A]', ''):gsub('\\nonumber%f[%A]', ''))
end

local function safe_target(target)
  local scheme = target:match('^%s*([%a][%w+.-]*):')
  if target:find('%c') or target == '' then return false end
  if scheme then
    scheme = scheme:lower()
    return scheme == 'http' or scheme == 'https' or scheme == 'mailto'
  end
  return target:sub(1, 1) == '#'
end

clean = {
  RawInline = function(el)
    if el.format == 'tex' then return environment(el.text) or pandoc.Str(el.text) end
    if el.text:match('^<br[%s/>]') then return pandoc.LineBreak() end
    if el.text:match('^<img%s') then
      return pandoc.utils.blocks_to_inlines(read(el.text, 'html').blocks)
    end
    return {}
  end,
  RawBlock = function(el)
    if el.format == 'tex' then return pandoc.Para{environment(el.text) or pandoc.Str(el.text)} end
    return el.format:match('^html') and read(el.text, 'html').blocks or {}
  end,
  Span = function(el) return el.content end,
  Div = function(el) return el.content end,
  Image = function(el)
    local width = (el.attributes.width or ''):gsub('px$', '')
    local known = width:match('^%d+%%?$') and {width = width} or {}
    return pandoc.Image(el.caption, el.src, '', pandoc.Attr('', {}, known))
  end,
  Para = function(el)
    if #el.content == 1 and el.content[1].t == 'Image' then
      el.content[1].classes = {'alone'}
      return el
    end
  end,
  Figure = function(el)
    local blocks = pandoc.Blocks(el.content)
    blocks:extend(el.caption.long)
    return blocks
  end,
  Note = function() return {} end,
  Code = function(el) return pandoc.Code(el.text) end,
  CodeBlock = function(el)
    local language = (el.classes[1] or ''):match('^[%w+-]+$')
    return pandoc.CodeBlock(el.text, pandoc.Attr('', language and {language} or {}))
  end,
  Header = function(el) return pandoc.Header(el.level, el.content, pandoc.Attr(el.identifier)) end,
  LineBlock = function(el) return pandoc.Para(pandoc.utils.blocks_to_inlines{el}) end,
}

-- Headings: levels without gaps, identifiers that are unique, the title taken out ---------------

local headings, anchors, title = {}, {}, nil

local function each_header(documents, visit)
  for index, document in ipairs(documents) do
    if document then documents[index] = document:walk{Header = visit} end
  end
end

local function count_headers(documents)
  local first, lowest, firsts = nil, 7, 0
  each_header(documents, function(el)
    first = first or el.level
    if el.level == 1 then firsts = firsts + 1 end
    lowest = math.min(lowest, el.level)
  end)
  return first == 1 and firsts == 1, lowest
end

local function unique(name)
  local slug = name:lower():gsub('[^%w]+', '-'):gsub('^-+', ''):gsub('-+$', '')
  if slug == '' then slug = 'section' end
  local id, count = 's-' .. slug, 1
  while anchors[id] or job.references[id] do
    count = count + 1
    id = 's-' .. slug .. '-' .. count
  end
  return id
end

local function arrange_headings(documents)
  local has_title = count_headers(documents)
  if job.take_title and has_title then
    each_header(documents, function(el)
      if el.level > 1 or title then return nil end
      title = {plain = pandoc.utils.stringify(el.content), body = written(el.content)}
      return {}
    end)
  end
  local _, lowest = count_headers(documents)
  local last, counters = 0, {0, 0, 0, 0, 0, 0}
  each_header(documents, function(el)
    local plain = pandoc.utils.stringify(el.content)
    local level = math.min(el.level - lowest + 1, last + 1)
    last = level
    counters[level] = counters[level] + 1
    for deeper = level + 1, 6 do counters[deeper] = 0 end
    local id = unique(plain)
    anchors[id] = id
    anchors[el.identifier] = anchors[el.identifier] or id
    anchors[plain:gsub(' ', '-'):lower()] = id
    local number = table.concat(counters, '.', 1, level)
    table.insert(headings, {level = level, id = id, number = number, body = written(el.content)})
    if not typst then
      if job.number_sections then
        el.content:insert(1, raw('<span class="number">' .. number .. '</span> '))
      end
      level = math.min(level + 1, 6) -- the page's title is the only first-level heading
    end
    return pandoc.Header(level, el.content, pandoc.Attr(id))
  end)
end

-- Writing: formulas, references and pictures in the page's own terms ----------------------------

local function linked(target, content) -- a link of Typst's
  local parts = pandoc.Inlines(content)
  parts:insert(1, raw('#link(' .. target .. ')['))
  parts:insert(raw('];'))
  return parts
end

local function reference(el)
  local name = el.target:sub(2)
  local word = pandoc.utils.stringify(el.content):lower()
  local known = job.references[name]
  if known then
    if word == '' or known:lower():sub(1, #word) == word then
      el.content = {pandoc.Str((known:gsub(' ', '\u{a0}')))}
    end
    if typst then return linked('label(' .. quoted(name) .. ')', el.content) end
    return pandoc.Link(el.content, el.target)
  end
  if word == 'figure' or word == 'table' then
    current.unknown = name
    error('unknown reference')
  end
  local id = anchors[name] or anchors[name:lower()]
  if not id then return el.content end
  return typst and linked('label(' .. quoted(id) .. ')', el.content)
    or pandoc.Link(el.content, '#' .. id)
end

-- Where pandoc's formulas differ from TeX's: a bar is an ordinary sign, \mathbf is upright, a plus
-- after a bar is binary, and a function's name keeps a thin space from what follows.
local function as_tex_sets_it(set, tex)
  if typst then return (set:gsub('\\|', 'class("normal", %0)')) end
  if not tex:find('\\boldsymbol') and not tex:find('\\bm%f[%A]') then
    set = set:gsub('<mi mathvariant="bold%-italic">([^<]*)</mi>', function(letters)
      return '<mi mathvariant="bold">' .. letters:gsub(utf8.charpattern, function(letter)
        local code = utf8.codepoint(letter)
        return code >= 0x1D468 and code <= 0x1D49B and utf8.char(code - 0x68) or letter
      end) .. '</mi>'
    end)
  end
  set = set:gsub('(|</mo>)<mi>([+−][\128-\191]*)</mi>', '%1<mo>%2</mo>')
  return (set:gsub('(<mo>&#8289;</mo></mrow>)(<m[^o])', '%1<mspace width="0.167em"></mspace>%2'))
end

local function formula(el)
  el.text = without_numbers(el.text)
  local set = as_tex_sets_it(written{el}, el.text)
  local display = el.mathtype == 'DisplayMath'
  if (typst and not set:match('^%$')) or (not typst and not set:match('^<math')) then
    table.insert(current.warnings, 'a formula pandoc cannot read is shown as its TeX: ' .. el.text)
    return pandoc.Code(el.text)
  end
  local spoken = el.text:gsub('^%s+', ''):gsub('%s+$', '')
  if not typst then
    if not display then return raw(set) end
    return raw('<span class="formula" tabindex="0" role="group" aria-label="Formula">'
      .. set .. '</span>')
  end
  local equation = 'math.equation(block: ' .. tostring(display) .. ', alt: ' .. quoted(spoken)
    .. ', ' .. set .. ')'
  -- A short formula in running text does not break at the end of a line.
  return raw('#' .. (not display and #spoken <= 24 and 'box(' .. equation .. ')' or equation))
end

-- In Typst's markup a hyphen, a dot or a quotation mark can mean more than itself, and a sign that
-- begins a line or a table's cell can make a list of it.  Such words are written as strings.
local function harmless(text)
  return text:match('^[%w\128-\255,;:!?().]*$') and not text:match('^%d+[.)]$')
    and not text:find('...', 1, true)
end

local page = {
  Str = function(el)
    if typst and not harmless(el.text) then return raw('#' .. quoted(el.text) .. ';') end
  end,
  Code = function(el)
    if typst then return raw('#raw(' .. quoted(el.text) .. ');') end
    if #el.text > 24 then return nil end
    local escaped = el.text:gsub('[&<>]', {['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;'})
    return raw('<code class="short">' .. escaped .. '</code>')
  end,
  Math = formula,
  Link = function(el)
    if el.target:sub(1, 1) == '#' then return reference(el) end
    if not safe_target(el.target) then return el.content end
    return typst and linked(quoted(el.target), el.content) or pandoc.Link(el.content, el.target)
  end,
  Image = function(el)
    local file = job.images[el.src]
    local spoken = pandoc.utils.stringify(el.caption)
    if spoken == '' then spoken = 'Picture' end
    if not file then
      local words = typst and raw('#' .. quoted(spoken) .. ';') or pandoc.Str(spoken)
      if not safe_target(el.src) or el.src:sub(1, 1) == '#' then return words end
      return typst and linked(quoted(el.src), words) or pandoc.Link(words, el.src)
    end
    if typst then
      local width = el.attributes.width
      local size = not width and 'auto' or width:match('%%') and width or width .. 'pt * 0.75'
      local picture = 'image(' .. quoted(file) .. ', alt: '
        .. quoted(spoken) .. ', width: ' .. size .. ')'
      return raw(el.classes[1] == 'alone' and '#align(center, ' .. picture .. ')'
        or '#box(' .. picture .. ')')
    end
    return pandoc.Image(spoken, file, '', pandoc.Attr('', {}, el.attributes))
  end,
  CodeBlock = function(el)
    if not typst then return pandoc.CodeBlock(el.text) end
    return pandoc.RawBlock('typst', '#code(' .. quoted(el.text, '\\n') .. ', lang: '
      .. (el.classes[1] and quoted(el.classes[1]) or 'none') .. ')')
  end,
  Table = function(el)
    if typst then
      local columns = el.attributes.columns
      el.attributes.columns = nil
      local set = pandoc.write(pandoc.Pandoc{el}, format, options)
      if columns then set = set:gsub('columns: %d+', 'columns: ' .. columns, 1) end
      return pandoc.RawBlock('typst', set)
    end
    el.attr = pandoc.Attr()
    return {
      pandoc.RawBlock('html', '<div class="scroll" tabindex="0" role="group" aria-label="Table">'),
      el,
      pandoc.RawBlock('html', '</div>'),
    }
  end,
}

local function finish(document, fragment)
  document = document:walk(page)
  local blocks = document.blocks
  if fragment.inline then
    blocks = pandoc.Blocks{pandoc.Plain(pandoc.utils.blocks_to_inlines(blocks))}
  end
  return (pandoc.write(pandoc.Pandoc(blocks), format, options):gsub('%s+$', ''))
end

local documents, results = {}, {}
for index, fragment in ipairs(job.fragments) do
  local ok, document = pcall(function()
    return read(fragment.text, fragment.from):walk(clean):walk(clean):walk{
      Table = function(el) return tidy_table(el, typst) end,
    }
  end)
  documents[index] = ok and document or false
  results[index] = not ok and {error = tostring(document)} or {}
end
arrange_headings(documents)
for index, fragment in ipairs(job.fragments) do
  if documents[index] then
    current = {warnings = {}}
    local ok, body = pcall(finish, documents[index], fragment)
    results[index] = ok and {body = body, warnings = current.warnings}
      or {error = tostring(body), unknown = current.unknown}
  end
end
io.write(pandoc.json.encode{fragments = results, headings = headings, title = title or false})
