// Eight gestures, and an eye that sees what changes. Lengths are in pixels of the network, of which a picture has 32.

const STEPS: u32 = 16u;
const GROUND: vec3<f32> = vec3<f32>(0.25, 0.28, 0.38);
const THING: vec3<f32> = vec3<f32>(0.95, 0.6, 0.3);
// A change of log intensity that an eye notices.
const THRESHOLD: f32 = 0.2;

struct Corner {
    @builtin(position) at: vec4<f32>,
    // Gesture and step.
    @location(0) @interpolate(flat) which: u32,
}

// A triangle that covers everything.
@vertex
fn whole(@builtin(vertex_index) corner: u32, @builtin(instance_index) which: u32) -> Corner {
    let place = vec2<f32>(f32(corner & 1u), f32(corner >> 1u)) * 4.0 - 1.0;
    return Corner(vec4<f32>(place, 0.0, 1.0), which);
}

struct Drawn {
    @location(0) frame: vec4<f32>,
    @location(1) picture: vec4<f32>,
}

@fragment
fn draw(corner: Corner) -> Drawn {
    let step = f32(corner.which % (STEPS + 1u)) / f32(STEPS);
    let from_edge = shape(corner.which / (STEPS + 1u), corner.at.xy / 8.0 - 16.0, 2.0 * step - 1.0);
    let cover = clamp(0.5 - 4.0 * from_edge, 0.0, 1.0);
    let colour = mix(GROUND, THING, cover);
    // Older things fade.
    let trail = select(mix(0.06, 1.0, cover), 1.0, step == 0.0);
    return Drawn(vec4<f32>(colour, 1.0), vec4<f32>(mix(0.3 * GROUND, THING, cover), trail));
}

// From the edge of the thing, negative inside, at a time from -1 to 1. The y axis points down.
fn shape(gesture: u32, at: vec2<f32>, time: f32) -> f32 {
    switch gesture {
        case 0u: { return bar(at + vec2<f32>(8.0 * time, 0.0), 0.0); }
        case 1u: { return bar(at - vec2<f32>(8.0 * time, 0.0), 0.0); }
        case 2u: { return bar((at + vec2<f32>(0.0, 8.0 * time)).yx, 0.0); }
        case 3u: { return bar((at - vec2<f32>(0.0, 8.0 * time)).yx, 0.0); }
        case 4u: { return bar(at, time); }
        case 5u: { return bar(at, -time); }
        case 6u: { return length(at) - 7.0 - 4.0 * time; }
        default: { return length(at) - 7.0 + 4.0 * time; }
    }
}

// An upright bar, turned clockwise.
fn bar(at: vec2<f32>, angle: f32) -> f32 {
    let along = abs(at.y * cos(angle) - at.x * sin(angle));
    let across = abs(at.x * cos(angle) + at.y * sin(angle));
    return max(along - 9.0, across - 1.75);
}

@group(0) @binding(0) var now: texture_2d<f32>;
@group(0) @binding(1) var before: texture_2d<f32>;

// Red where it became brighter, green where darker.
@fragment
fn see(corner: Corner) -> @location(0) vec4<f32> {
    let change = light(now, vec2<u32>(corner.at.xy)) - light(before, vec2<u32>(corner.at.xy));
    return vec4<f32>(f32(change > THRESHOLD), f32(change < -THRESHOLD), 0.0, 1.0);
}

// The log intensity that a pixel of the eye gets.
fn light(picture: texture_2d<f32>, pixel: vec2<u32>) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < 64u; i++) {
        let texel = textureLoad(picture, pixel * 8u + vec2<u32>(i % 8u, i / 8u), 0);
        sum += dot(texel.rgb, vec3<f32>(0.2126, 0.7152, 0.0722));
    }
    return log(sum / 64.0);
}
