// A product of matrices, for the gradients of weights: rows are what goes into a layer, columns what comes out, and the sums
// go over places (cells, steps, samples) in their order. Twin: src/kernel/grad/product.rs.
//
// A workgroup has a tile of the sums. Its operands come to workgroup memory DEPTH places at a time, while those before are
// added up; an invocation brings four of either, and has four rows and COLUMNS columns. The kernel says FEW, whether an
// invocation has fewer columns so that more sums go on at once, SPIKES, whether values are 0 or 1, how a number becomes a
// `Place`, what `values_of` four rows and `slopes_of` four columns are there, and has OUTPUTS columns of `gradient`.

const COLUMNS: u32 = select(4u, 1u, FEW);
// Invocations of a workgroup along columns, and along rows.
const ACROSS: u32 = select(16u, 32u, FEW);
const DOWN: u32 = 256u / ACROSS;
const TILE_ROWS: u32 = 4u * DOWN;
const TILE_COLUMNS: u32 = COLUMNS * ACROSS;
const DEPTH: u32 = 256u / DOWN;

// Four rows, or columns, of a place: DOWN of them, as tiles have as many columns as rows.
var<workgroup> values: array<vec4<f32>, 256>;
var<workgroup> slopes: array<vec4<f32>, 256>;

// Sums of four rows, by column.
struct Sums {
    columns: array<vec4<f32>, COLUMNS>,
}

// The first of an invocation's four rows, and of its columns.
fn own_row(lane: u32) -> u32 {
    return lane / ACROSS * 4u;
}

fn own_column(lane: u32) -> u32 {
    return lane % ACROSS * COLUMNS;
}

// Adds to the sums what the places 0..depth give for the tile that begins there.
fn product(row: u32, column: u32, depth: u32, origin: Origin, lane: u32, before: Sums) -> Sums {
    let brought_row = row + lane % DOWN * 4u;
    let brought_column = column + lane % DOWN * 4u;
    var sums = before;
    var next_values = vec4<f32>(0.0);
    var next_slopes = vec4<f32>(0.0);
    if lane / DOWN < depth {
        let place = place_of(lane / DOWN, origin);
        next_values = values_of(brought_row, place, origin);
        next_slopes = slopes_of(brought_column, place, origin);
    }
    for (var first = 0u; first < depth; first += DEPTH) {
        workgroupBarrier();
        values[lane] = next_values;
        slopes[lane] = next_slopes;
        workgroupBarrier();
        let at = first + DEPTH + lane / DOWN;
        next_values = vec4<f32>(0.0);
        if at < depth {
            let place = place_of(at, origin);
            next_values = values_of(brought_row, place, origin);
            next_slopes = slopes_of(brought_column, place, origin);
        }
        for (var k = 0u; k < DEPTH; k++) {
            let x = values[k * DOWN + lane / ACROSS];
            let there = x != vec4<f32>(0.0);
            for (var c = 0u; c < COLUMNS; c++) {
                let own = own_column(lane) + c;
                let slope = slopes[k * DOWN + own / 4u][own % 4u];
                // What is zero adds nothing, whatever the gradient is.
                sums.columns[c] += select(vec4<f32>(0.0), times(x, slope), there);
            }
        }
    }
    return sums;
}

// The gradients of four columns of a place, which begin at `first`; of those that are not there any.
fn four_slopes(first: u32, column: u32) -> vec4<f32> {
    let last = OUTPUTS - 1u;
    return vec4<f32>(
        gradient[first + min(column, last)],
        gradient[first + min(column + 1u, last)],
        gradient[first + min(column + 2u, last)],
        gradient[first + min(column + 3u, last)],
    );
}

// Four channels of a word of spikes, of which the first is a multiple of four.
fn four_spikes(word: u32, channel: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word >> (channel % 32u)) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u));
}

// Products with a gradient, each rounded on its own: added to a zero that no compiler knows, they cannot be contracted with
// another sum. Of a spike it is the gradient.
fn times(x: vec4<f32>, slope: f32) -> vec4<f32> {
    if SPIKES {
        return vec4<f32>(slope);
    }
    return fma(x, vec4<f32>(slope), vec4<f32>(negative_zero()));
}
