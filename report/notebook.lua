-- Pandoc filter for the notebooks' PDFs: a picture is centred and stays with the text above it, as does a short table; that
-- is not broken, and the columns of a wide one are as wide as their text asks for.

local SHORT = 16 -- rows
local LINE = 116 -- letters in a line, about
local ROW = 0.85 -- lines that a row of a table takes

local function cells(row) return row.cells or row[2] end
local function text(cell) return pandoc.utils.stringify(cell.contents or cell[5]) end

local function longest(words)
  local most = 0
  for word in words do most = math.max(most, utf8.len(word) or #word) end
  return most
end

local function letters_of(row, i)
  local said = text(cells(row)[i]):gsub("\\%a+", "x") -- a symbol of mathematics is one letter
  return utf8.len(said) or #said, said
end

-- Sets the widths of a table's columns; returns the lines that it then has, about.
local function set_widths(block)
  local natural, least, with_head, sum, sum_least, sum_head = {}, {}, {}, 0, 0, 0
  for i = 1, #block.colspecs do
    natural[i], least[i], with_head[i] = 1, 1, 1
    local function take(rows, is_head)
      for _, row in ipairs(rows) do
        local letters, said = letters_of(row, i)
        least[i] = math.max(least[i], longest(said:gmatch("%S+")))
        with_head[i] = math.max(with_head[i], letters)
        natural[i] = math.max(natural[i], is_head and 1 or letters, least[i]) -- a head may wrap
      end
    end
    take(block.bodies[1].body, false)
    take(block.head.rows or block.head[2], true)
    sum, sum_least, sum_head = sum + natural[i] + 2, sum_least + least[i] + 2, sum_head + with_head[i] + 2
  end
  local wraps = sum_head > LINE
  local share = math.max(0, math.min(1, (LINE - sum_least) / math.max(1, sum - sum_least)))
  local total = math.max(LINE, sum_least)
  for i, spec in ipairs(block.colspecs) do
    local width = (least[i] + 2 + share * (natural[i] - least[i])) / total
    block.colspecs[i] = { spec[1], wraps and width or nil }
  end
  local lines = 0
  for _, row in ipairs(block.bodies[1].body) do
    local most = 1
    for i, spec in ipairs(block.colspecs) do
      most = math.max(most, wraps and math.ceil(letters_of(row, i) / (spec[2] * LINE)) or 1)
    end
    lines = lines + most
  end
  return math.ceil(ROW * lines) + 3
end

local function is_picture(block) return block and block.t == "Para" and #block.content == 1 and block.content[1].t == "Image" end

-- Lines of a text with the short table, or the printed lines and the picture, after it; nil if there are none.
local function lines_together(blocks, at) -- with headings above the text
  local block, after = blocks[at], blocks[at + 1]
  if block.t == "Header" and after then
    local lines = lines_together(blocks, at + 1)
    return lines and lines + 3
  end
  if block.t ~= "Para" or is_picture(block) or not after then return nil end
  local lines = math.ceil(#pandoc.utils.stringify(block) / LINE) + 1
  if after.t == "Table" and #after.bodies[1].body <= SHORT then
    return lines + math.ceil(ROW * #after.bodies[1].body) + 3
  end
  if after.t == "CodeBlock" and not after.classes[1] then return lines + (is_picture(blocks[at + 2]) and 18 or 4) end
end

function Blocks(blocks)
  local done, text_above = pandoc.List(), false
  for at, block in ipairs(blocks) do
    local picture, headed = is_picture(block), at > 1 and blocks[at - 1].t == "Header"
    local lines = not headed and lines_together(blocks, at)
    if lines then done:insert(pandoc.RawBlock("latex", "\\Needspace{" .. lines .. "\\baselineskip}")) end
    if picture then
      done:insert(pandoc.RawBlock("latex", text_above and "\\nopagebreak" or ""))
      block.content:insert(1, pandoc.RawInline("latex", "{\\centering "))
      block.content:insert(pandoc.RawInline("latex", "\\par}"))
    elseif block.t == "Table" then
      local lines = set_widths(block)
      if #block.bodies[1].body <= SHORT then
        done:insert(pandoc.RawBlock("latex", "\\Needspace{" .. lines .. "\\baselineskip}"))
      end
    end
    done:insert(block)
    text_above = not picture and block.t ~= "Table"
  end
  return done
end
